#include "muster/connection.h"

#include "base/file.h"
#include "base/text.h"
#include "wire/sas.h"

namespace muster::cli {
namespace {

// The policy with every right of both planes.
constexpr const char* local_policy = "owner";
constexpr const char* https_port = "443";
// What a first start of musterd makes before all else.
constexpr const char* first_file = "lock";

// How musterd is started there: by its unit, where the package's directory is meant.
std::string how_to_start(const std::filesystem::path& data_dir) {
    if (data_dir == default_data_dir) return "systemctl start musterd";
    return fmt::format("musterd --data-dir {}", data_dir.string());
}

struct HostAndPort {
    std::string host;
    std::string port;
};

// "host", "host:port", "[::1]:port".
HostAndPort split_host(std::string_view text) {
    const auto colon = text.rfind(':');
    const bool bare_v6 = text.find(':') != colon && !text.starts_with('[');
    if (colon == std::string_view::npos || bare_v6 || text.ends_with(']')) return {std::string(text), https_port};
    return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

std::string base_url(const HostAndPort& at) {
    return at.port == https_port ? "https://" + at.host : fmt::format("https://{}:{}", at.host, at.port);
}

Result<Secret> decode_key(const AccessPolicy& policy, const std::filesystem::path& data_dir) {
    auto bytes = base64_decode(policy.primary_key.text());
    if (!bytes) {
        return fail(Errc::invalid_argument, "{}: the primaryKey of policy '{}' is not base64",
                    (data_dir / "access-policies.json").string(), policy.name);
    }
    return Secret(std::move(*bytes));
}

Result<AccessPolicy> parse_policy(const json::object& entry) {
    MUSTER_TRY(auto name, required_string(entry, "keyName"));
    MUSTER_TRY(auto primary, required_string(entry, "primaryKey"));
    MUSTER_TRY(auto secondary, required_string(entry, "secondaryKey"));
    AccessPolicy policy{std::move(name), Secret(primary), Secret(secondary), {}};
    wipe(primary.data(), primary.size());
    wipe(secondary.data(), secondary.size());
    if (const auto* rights = find_member(entry, "rights"); rights != nullptr && rights->is_array()) {
        for (const auto& right : rights->as_array()) {
            if (right.is_string()) policy.rights.emplace_back(right.as_string());
        }
    }
    return policy;
}

Result<Target> local_target(const std::filesystem::path& data_dir) {
    MUSTER_TRY(auto policies, read_policies(data_dir));
    MUSTER_TRY(const auto endpoints, read_endpoints(data_dir));
    const auto owner = std::ranges::find(policies, local_policy, &AccessPolicy::name);
    if (owner == policies.end()) {
        return fail(
            Error(Errc::not_found,
                  fmt::format("{} has no policy '{}'", (data_dir / "access-policies.json").string(), local_policy))
                .with_hint("Use another: muster connection-string --policy NAME, in MUSTER_CONNECTION_STRING."));
    }
    MUSTER_TRY(auto key, decode_key(*owner, data_dir));
    Target target;
    target.host = endpoints.host_name;
    target.base_url = base_url({endpoints.host_name, split_host(endpoints.https).port});
    target.connect_to = endpoints.https;
    target.policy = local_policy;
    target.key = std::move(key);
    target.origin = fmt::format("the data directory {}", data_dir.string());
    target.mend =
        fmt::format("Is musterd (process {}) still running? If not: {}", endpoints.pid, how_to_start(data_dir));
    return target;
}

Result<Target> remote_target(const std::string& text, std::string origin) {
    auto parsed = wire::ConnectionString::parse(text);
    if (!parsed) {
        return fail(parsed.error()
                        .wrap(fmt::format("the connection string ({}) cannot be used", origin))
                        .with_hint("On the server, `muster connection-string --policy NAME` prints one."));
    }
    if (parsed->policy.empty()) {
        return fail(
            Error(Errc::invalid_argument,
                  fmt::format("the connection string ({}) has no SharedAccessKeyName: it is a device's, and this "
                              "command needs one of the service",
                              origin))
                .with_hint("On the server, `muster connection-string --policy NAME` prints one."));
    }
    const auto at = split_host(parsed->host);
    Target target;
    target.host = at.host;
    target.base_url = base_url(at);
    target.policy = std::move(parsed->policy);
    target.key = std::move(parsed->key);
    target.origin = std::move(origin);
    target.mend = "Is the host name in the connection string right, and does the service run there?";
    return target;
}

Result<Target> unlabelled_target(const ConnectionOptions& options, const Io& io) {
    if (!options.connection_string.empty()) return remote_target(options.connection_string, "--connection-string");
    if (!options.data_dir.empty()) return local_target(options.data_dir);
    const auto variable = io.environment("MUSTER_CONNECTION_STRING");
    if (variable && !variable->empty()) return remote_target(*variable, "MUSTER_CONNECTION_STRING");
    return local_target(default_data_dir);
}

struct GivenCa {
    std::string file;
    std::string by;  // "--ca", "MUSTER_CA"
};

std::optional<GivenCa> given_ca(const ConnectionOptions& options, const Io& io) {
    if (!options.ca_file.empty()) return GivenCa{options.ca_file, "--ca"};
    auto file = io.environment("MUSTER_CA").value_or("");
    if (file.empty()) return std::nullopt;
    return GivenCa{std::move(file), "MUSTER_CA"};
}

Result<std::string> read_ca(const GivenCa& ca) {
    auto pem = read_file(ca.file);
    if (!pem) return fail(pem.error().wrap(fmt::format("the CA to trust ({}) cannot be read", ca.by)));
    if (!pem->contains("-----BEGIN CERTIFICATE-----"))
        return fail(Error(Errc::invalid_argument, fmt::format("{} ({}) holds no certificate in PEM", ca.file, ca.by))
                        .with_hint("`muster trust` on the server prints the CA of the service."));
    return pem;
}

}  // namespace

Result<Target> find_target(const ConnectionOptions& options, const Io& io) {
    MUSTER_TRY(auto target, unlabelled_target(options, io));
    const std::filesystem::path data_dir = options.data_dir.empty() ? default_data_dir : options.data_dir;
    auto of_data_dir = read_file(data_dir / server_ca_file);
    const bool chosen = !options.data_dir.empty() && of_data_dir;
    const auto ca = chosen && options.ca_file.empty() ? std::nullopt : given_ca(options, io);
    if (ca) {
        MUSTER_TRY(auto pem, read_ca(*ca));
        target.ca_pem.push_back(std::move(pem));
        target.trust_system_store = false;
        return target;
    }
    // Absent or unreadable is no error here: the store of the operating system may do.
    if (of_data_dir) target.ca_pem.push_back(std::move(*of_data_dir));
    return target;
}

Result<std::string> read_data_file(const std::filesystem::path& data_dir, const char* name) {
    auto content = read_file(data_dir / name);
    if (content) return content;
    const auto& error = content.error();
    if (error.code() == Errc::forbidden) {
        return fail(error.wrap(fmt::format("the data directory {} belongs to musterd's user", data_dir.string()))
                        .with_hint("Run this with sudo, or set MUSTER_CONNECTION_STRING."));
    }
    std::error_code ignored;
    if (error.code() == Errc::not_found && std::filesystem::exists(data_dir / first_file, ignored)) {
        return fail(
            error.wrap(fmt::format("the first start of the musterd of {} has not come to its end", data_dir.string()))
                .with_hint(fmt::format("Try again in a moment. If it is not running, see what it said "
                                       "(journalctl -u musterd), or start it by\n  hand: musterd --data-dir {}",
                                       data_dir.string())));
    }
    if (error.code() == Errc::not_found) {
        return fail(error.wrap(fmt::format("{} is not the data directory of a musterd", data_dir.string()))
                        .with_hint("Start musterd on this machine, or name the right directory with --data-dir, or a "
                                   "service elsewhere with\n  --connection-string or MUSTER_CONNECTION_STRING."));
    }
    return content;
}

Result<std::vector<AccessPolicy>> read_policies(const std::filesystem::path& data_dir) {
    const auto path = (data_dir / "access-policies.json").string();
    MUSTER_TRY(auto text, read_data_file(data_dir, "access-policies.json"));
    auto document = parse_json_object(text);
    wipe(text.data(), text.size());
    if (!document) return fail(document.error().wrap(path));
    const auto* list = find_member(*document, "policies");
    if (list == nullptr || !list->is_array()) return fail(Errc::invalid_argument, "{}: \"policies\" is missing", path);
    std::vector<AccessPolicy> policies;
    for (const auto& entry : list->as_array()) {
        if (!entry.is_object()) return fail(Errc::invalid_argument, "{}: a policy must be an object", path);
        auto policy = parse_policy(entry.as_object());
        if (!policy) return fail(policy.error().wrap(path));
        policies.push_back(std::move(*policy));
    }
    return policies;
}

Result<Endpoints> read_endpoints(const std::filesystem::path& data_dir) {
    const auto path = data_dir / "endpoints.json";
    auto text = read_file(path);
    if (!text && text.error().code() == Errc::not_found) {
        return fail(Error(Errc::unavailable, fmt::format("musterd is not running on {} (there is no {})",
                                                         data_dir.string(), path.string()))
                        .with_hint(fmt::format("Start it: {}", how_to_start(data_dir))));
    }
    if (!text) return fail(text.error());
    auto document = parse_json_object(*text);
    if (!document) return fail(document.error().wrap(path.string()));
    Endpoints endpoints;
    endpoints.host_name = string_or(*document, "hostName");
    endpoints.id_scope = string_or(*document, "idScope");
    endpoints.https = string_or(*document, "https");
    endpoints.mqtts = string_or(*document, "mqtts");
    endpoints.amqps = string_or(*document, "amqps");
    MUSTER_TRY(const auto pid, optional_integer(*document, "pid"));
    endpoints.pid = pid.value_or(0);
    if (endpoints.https.empty() || endpoints.https == "off") {
        return fail(Error(Errc::unavailable, "this musterd has its https endpoint turned off")
                        .with_hint("Set `https` in the section [listen] of its configuration, and start it again."));
    }
    return endpoints;
}

std::string public_host(const Endpoints& endpoints) {
    const auto port = split_host(endpoints.https).port;
    return port == https_port ? endpoints.host_name : fmt::format("{}:{}", endpoints.host_name, port);
}

}  // namespace muster::cli
