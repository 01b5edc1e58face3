#include "edge/certd/certificate_files.h"

#include "base/file.h"
#include "base/text.h"
#include "edge/service/state_files.h"

namespace muster::edge::certd {
namespace {

constexpr std::size_t largest_certificate_file = 1024 * 1024;
constexpr int deepest_list = 4;  // a list in a list in a list; deeper is a circle

}  // namespace

CertificateFiles::CertificateFiles(std::filesystem::path home, std::map<std::string, Preloaded> preloaded)
    : directory_(home / "certs"), preloaded_(std::move(preloaded)) {}

std::filesystem::path CertificateFiles::stored_path(const std::string& id) const {
    return directory_ / (stored_name(id) + ".cer");
}

Result<std::optional<std::string>> CertificateFiles::find_list(const std::vector<std::string>& members,
                                                               int depth) const {
    std::string joined;
    for (const auto& member : members) {
        MUSTER_TRY(auto pem, find(member, depth + 1));
        if (!pem) continue;
        joined += *pem;
        if (!joined.ends_with('\n')) joined += '\n';
    }
    if (joined.empty()) return std::nullopt;
    return joined;
}

Result<std::optional<std::string>> CertificateFiles::find(const std::string& id, int depth) const {
    if (depth > deepest_list)
        return fail(Errc::invalid_argument, "preloaded_certs.{} is part of a circle of lists", id);
    auto path = stored_path(id);
    if (const auto at = preloaded_.find(id); at != preloaded_.end()) {
        if (const auto* members = std::get_if<std::vector<std::string>>(&at->second)) return find_list(*members, depth);
        path = std::get<std::filesystem::path>(at->second);
    }
    std::error_code error;
    if (std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found) return std::nullopt;
    auto pem = read_file(path, largest_certificate_file);
    if (!pem)
        return fail(pem.error()
                        .wrap(fmt::format("cannot read the certificate \"{}\"", printable(id)))
                        .with_hint(fmt::format("chown aziotcs: {0} && chmod 644 {0}", path.string())));
    return std::optional(std::move(*pem));
}

Result<std::string> CertificateFiles::load(const std::string& id) const {
    MUSTER_TRY(auto found, find(id, 0));
    if (found) return std::move(*found);
    const auto at = preloaded_.find(id);
    if (at == preloaded_.end() || !std::holds_alternative<std::filesystem::path>(at->second))
        return fail(Errc::not_found, "parameter \"id\" has an invalid value: certificate \"{}\" not found",
                    printable(id));
    return fail(Errc::not_found, "parameter \"id\" has an invalid value: certificate \"{}\" not found: no file {}",
                printable(id), std::get<std::filesystem::path>(at->second).string());
}

Result<> CertificateFiles::refuse_preloaded(const std::string& id, std::string_view what) const {
    if (!preloaded_.contains(id)) return {};
    return fail(Error(Errc::conflict, fmt::format("cannot {} the certificate \"{}\": it is preloaded", what, id))
                    .with_hint("take it out of /etc/aziot/config.toml, then run: iotedge config apply"));
}

Result<> CertificateFiles::put(const std::string& id, const std::string& pem) const {
    MUSTER_CHECK(refuse_preloaded(id, "replace"));
    MUSTER_CHECK(make_directories(directory_, 0700));
    return write_file_atomic(stored_path(id), pem, 0600);
}

Result<> CertificateFiles::remove(const std::string& id) const {
    MUSTER_CHECK(refuse_preloaded(id, "delete"));
    return remove_file(stored_path(id));
}

}  // namespace muster::edge::certd
