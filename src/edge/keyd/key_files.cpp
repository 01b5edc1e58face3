#include "edge/keyd/key_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"
#include "edge/service/state_files.h"

namespace muster::edge::keyd {
namespace {

constexpr std::size_t largest_key_file = 64 * 1024;

Result<> sync_directory(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(errno_error("cannot open directory " + directory.string(), errno));
    const bool synced = ::fsync(fd) == 0;
    const int number = errno;
    ::close(fd);
    if (!synced) return fail(errno_error("cannot sync directory " + directory.string(), number));
    return {};
}

}  // namespace

KeyFiles::KeyFiles(std::filesystem::path home, std::map<std::string, std::filesystem::path> preloaded)
    : directory_(home / "keys"), preloaded_(std::move(preloaded)) {}

std::filesystem::path KeyFiles::path_of(const std::string& id) const {
    const auto at = preloaded_.find(id);
    return at != preloaded_.end() ? at->second : directory_ / (stored_name(id) + ".key");
}

Result<std::optional<Secret>> KeyFiles::find(const std::string& id) const {
    const auto path = path_of(id);
    std::error_code error;
    const auto status = std::filesystem::status(path, error);
    if (status.type() == std::filesystem::file_type::not_found) {
        if (!is_preloaded(id)) return std::nullopt;
        return fail(Error(Errc::not_found,
                          fmt::format("the file {} of the preloaded key \"{}\" does not exist", path.string(), id))
                        .with_hint("put the file there or correct the path in /etc/aziot/config.toml, then run: "
                                   "iotedge config apply"));
    }
    auto content = read_file(path, largest_key_file);
    if (!content)
        return fail(content.error()
                        .wrap(fmt::format("cannot read the key \"{}\"", id))
                        .with_hint(fmt::format("chown aziotks: {0} && chmod 600 {0}", path.string())));
    Secret secret{std::string_view(*content)};
    wipe(content->data(), content->size());
    return secret;
}

Result<Secret> KeyFiles::load(const std::string& id) const {
    MUSTER_TRY(auto found, find(id));
    if (!found)
        return fail(Errc::not_found, "parameter \"id\" has an invalid value: key \"{}\" not found", printable(id));
    return std::move(*found);
}

Result<pki::PrivateKey> KeyFiles::load_pair(const std::string& id) const {
    MUSTER_TRY(const auto pem, load(id));
    auto key = pki::PrivateKey::from_pem(pem.text());
    if (!key) return fail(key.error().wrap(fmt::format("key pair \"{}\" in {}", printable(id), path_of(id).string())));
    return key;
}

Result<> KeyFiles::refuse_preloaded(const std::string& id, std::string_view what) const {
    if (!is_preloaded(id)) return {};
    return fail(Error(Errc::conflict,
                      fmt::format("cannot {} the key \"{}\": it is preloaded from {}", what, id, path_of(id).string()))
                    .with_hint("take it out of /etc/aziot/config.toml, then run: iotedge config apply"));
}

Result<> KeyFiles::create(const std::string& id, ByteView content) const {
    MUSTER_CHECK(refuse_preloaded(id, "replace"));
    MUSTER_CHECK(make_directories(directory_, 0700));
    return create_file(path_of(id), as_text(content), 0600);
}

Result<> KeyFiles::put(const std::string& id, ByteView content) const {
    MUSTER_CHECK(refuse_preloaded(id, "replace"));
    MUSTER_CHECK(make_directories(directory_, 0700));
    return write_file_atomic(path_of(id), as_text(content), 0600);
}

Result<> KeyFiles::remove(const std::string& id) const {
    MUSTER_CHECK(refuse_preloaded(id, "delete"));
    return remove_file(path_of(id));
}

Result<> KeyFiles::move(const std::string& from, const std::string& to) const {
    MUSTER_CHECK(refuse_preloaded(from, "move"));
    MUSTER_CHECK(refuse_preloaded(to, "replace"));
    MUSTER_CHECK(load_pair(from));
    if (::rename(path_of(from).c_str(), path_of(to).c_str()) != 0)
        return fail(errno_error(fmt::format("cannot move key \"{}\" to \"{}\"", from, to), errno));
    return sync_directory(directory_);
}

}  // namespace muster::edge::keyd
