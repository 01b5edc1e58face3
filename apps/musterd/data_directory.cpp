#include "data_directory.h"

#include "base/text.h"

namespace muster::musterd {
namespace {

constexpr mode_t private_file = 0600;
constexpr mode_t private_directory = 0700;
constexpr const char* policies_file = "access-policies.json";

// The content of a file of the data directory; made by `make` when it is not there.
template <class Make>
Result<std::string> read_or_make(const std::filesystem::path& path, Make make) {
    auto content = read_file(path);
    if (content || content.error().code() != Errc::not_found) return content;
    std::string made = make();
    MUSTER_CHECK(write_file_atomic(path, made, private_file));
    return made;
}

Result<std::string> read_scope(const std::filesystem::path& path, const std::optional<std::string>& configured,
                               Random& random) {
    MUSTER_TRY(auto stored, read_or_make(path, [&] {
                   return configured.value_or("0ne" + hex_encode_upper(random.bytes(4))) + "\n";
               }));
    std::string scope(trim(stored));
    if (configured && *configured != scope)
        return fail(
            Error(Errc::conflict, fmt::format("id_scope is '{}' in the configuration and '{}' in {}", *configured,
                                              scope, path.string()))
                .with_hint("an id scope never changes: devices hold it. Remove the setting, or use another data "
                           "directory"));
    return scope;
}

Result<Secret> read_key(const std::filesystem::path& path, Random& random) {
    MUSTER_TRY(auto text, read_or_make(path, [&] { return base64_encode(random.bytes(32)) + "\n"; }));
    auto key = base64_decode(trim(text));
    wipe(text.data(), text.size());
    if (!key || key->size() != 32)
        return fail(Errc::invalid_argument, "{} is damaged: it must hold 32 bytes in base64", path.string());
    return Secret(std::move(*key));
}

Result<access::Policies> read_policies(const std::filesystem::path& path, Random& random) {
    MUSTER_TRY(auto text, read_or_make(path, [&] { return access::Policies::generate(random).serialize(); }));
    auto policies = access::Policies::parse(text);
    wipe(text.data(), text.size());
    if (!policies) return fail(policies.error().wrap(path.string()));
    return policies;
}

}  // namespace

Result<DataDirectory> open_data_directory(const std::filesystem::path& path, const std::optional<std::string>& id_scope,
                                          Random& random) {
    std::error_code ignored;
    const bool first_start = !std::filesystem::exists(path / "muster.db", ignored);
    if (auto made = make_directories(path, private_directory); !made)
        return fail(Error(made.error()).with_hint("choose a directory you may write with --data-dir"));
    auto lock = FileLock::acquire(path / "lock");
    if (!lock) {
        if (lock.error().code() != Errc::conflict) return std::unexpected(std::move(lock).error());
        return fail(lock.error()
                        .wrap(fmt::format("another musterd uses the data directory {}", path.string()))
                        .with_hint("stop it, or choose another directory with --data-dir"));
    }
    MUSTER_TRY(auto scope, read_scope(path / "id-scope", id_scope, random));
    MUSTER_TRY(auto operation_key, read_key(path / "operation.key", random));
    MUSTER_TRY(auto webhook_key, read_key(path / "webhook.key", random));
    MUSTER_TRY(auto policies, read_policies(path / policies_file, random));
    return DataDirectory{path,
                         std::move(*lock),
                         first_start,
                         std::move(scope),
                         std::move(operation_key),
                         std::move(webhook_key),
                         std::move(policies)};
}

access::PolicyBook::Save policy_file(const DataDirectory& data) {
    return [path = data.path / policies_file](const access::Policies& policies) -> Result<> {
        auto text = policies.serialize();
        auto written = write_file_atomic(path, text, private_file);
        wipe(text.data(), text.size());
        return written;
    };
}

}  // namespace muster::musterd
