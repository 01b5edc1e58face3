#include "edge/common/paths.h"

#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

namespace muster::edge {

std::string_view short_name(Service service) {
    switch (service) {
        case Service::keyd: return "keyd";
        case Service::certd: return "certd";
        case Service::tpmd: return "tpmd";
        case Service::identityd: return "identityd";
    }
    return {};
}

std::string_view unit_name(Service service) {
    switch (service) {
        case Service::keyd: return "aziot-keyd";
        case Service::certd: return "aziot-certd";
        case Service::tpmd: return "aziot-tpmd";
        case Service::identityd: return "aziot-identityd";
    }
    return {};
}

std::string_view user_name(Service service) {
    switch (service) {
        case Service::keyd: return "aziotks";
        case Service::certd: return "aziotcs";
        case Service::tpmd: return "aziottpm";
        case Service::identityd: return "aziotid";
    }
    return {};
}

Paths Paths::from_environment() {
    const char* root = std::getenv("MUSTER_DEVICE_ROOT");
    if (root == nullptr || *root == '\0') return Paths();
    std::error_code ignored;
    // Absolute, so that a child started in another directory means the same device.
    auto absolute = std::filesystem::absolute(root, ignored).lexically_normal();
    if (!absolute.has_filename() && absolute.has_relative_path()) absolute = absolute.parent_path();
    return Paths(absolute == "/" ? std::filesystem::path() : absolute);
}

std::filesystem::path Paths::under(std::string_view absolute) const {
    if (!rooted()) return absolute;
    while (!absolute.empty() && absolute.front() == '/') absolute.remove_prefix(1);
    return root_ / absolute;
}

std::filesystem::path Paths::super_config() const {
    return under("/etc/aziot/config.toml");
}

std::filesystem::path Paths::config_file(Service service) const {
    return under(fmt::format("/etc/aziot/{}/config.toml", edge::short_name(service)));
}

std::filesystem::path Paths::config_directory(std::string_view short_name) const {
    return under(fmt::format("/etc/aziot/{}/config.d", short_name));
}

std::filesystem::path Paths::generated_config(std::string_view short_name) const {
    return config_directory(short_name) / "00-super.toml";
}

std::filesystem::path Paths::socket(Service service) const {
    return under(fmt::format("/run/aziot/{}.sock", edge::short_name(service)));
}

std::filesystem::path Paths::state_directory(Service service) const {
    return under(fmt::format("/var/lib/aziot/{}", edge::short_name(service)));
}

std::filesystem::path Paths::secrets_directory() const {
    return under("/var/secrets/aziot");
}

std::filesystem::path Paths::supervisor_socket() const {
    return under("/run/aziot/supervisor.sock");
}

namespace {

std::string home_of(std::string_view user) {
    for (const auto service : all_services)
        if (user_name(service) == user) return fmt::format("/var/lib/aziot/{}", short_name(service));
    return "/var/lib/aziot/edged";
}

}  // namespace

Result<ServiceUser> service_user(const Paths& paths, std::string_view name) {
    const std::string wanted(name);
    if (paths.rooted()) return ServiceUser{wanted, geteuid(), getegid()};
    std::vector<char> buffer(16384);
    struct passwd entry{};
    struct passwd* found = nullptr;
    const int failed = getpwnam_r(wanted.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (failed != 0) return fail(errno_error(fmt::format("cannot look up the user {}", wanted), failed));
    if (found == nullptr)
        return fail(
            Error(Errc::not_found, fmt::format("the service user {} does not exist", wanted))
                .with_hint(fmt::format("useradd --system --user-group --home-dir {} --shell /usr/sbin/nologin {}",
                                       home_of(name), wanted)));
    return ServiceUser{wanted, entry.pw_uid, entry.pw_gid};
}

}  // namespace muster::edge
