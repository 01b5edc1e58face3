// What only travels to the container runtime's file (facts/device.md 1.6 to 1.9).
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

void assign(std::string& to, std::optional<std::string> value) {
    if (value) to = std::move(*value);
}

Complaint starts_with_one_of(std::string_view text, const std::vector<std::string>& schemes) {
    for (const auto& scheme : schemes)
        if (text.starts_with(scheme) && text.size() > scheme.size()) return std::nullopt;
    return fmt::format("must begin with {}, not \"{}\"", join(schemes, " or "), printable(text));
}

// "$upstream" at the beginning stands for the parent of a nested device.
std::optional<std::string> with_parent(const ConfigSection& section, std::string_view name, const SuperConfig& config) {
    constexpr std::string_view upstream = "$upstream";
    auto text = section.string(name);
    if (!text || !text->starts_with(upstream)) return text;
    if (!config.parent_hostname) {
        section.problem(name, "begins with $upstream, which stands for parent_hostname, and this device has none");
        return std::nullopt;
    }
    const auto& parent = config.parent_hostname->value;
    return parent + text->substr(upstream.size());
}

void read_agent_config(const ConfigSection& section, const SuperConfig& config, Agent& agent) {
    assign(agent.image, with_parent(section, "image", config));
    if (section.table("createOptions")) agent.create_options = section.verbatim("createOptions");
    agent.digest = section.string("digest");
    const auto auth = section.table("auth");
    if (!auth) return;
    for (const std::string name : {"serveraddress", "username", "password", "email"}) {
        auto value = name == "serveraddress" ? with_parent(*auth, name, config) : auth->string(name);
        if (value) agent.auth.emplace_back(name, std::move(*value));
    }
}

Agent read_agent(const ConfigSection& root, const SuperConfig& super) {
    Agent agent;
    const auto section = root.table("agent");
    if (!section) return agent;
    assign(agent.name, section->string("name"));
    assign(agent.type, section->choice("type", {"docker"}));
    assign(agent.image_pull_policy, section->choice("imagePullPolicy", {"on-create", "never"}));
    if (const auto config = section->table("config")) read_agent_config(*config, super, agent);
    if (const auto env = section->table("env")) agent.env = text_map(*env);
    return agent;
}

void read_endpoints(const ConfigSection& root, std::string_view name, const std::vector<std::string>& schemes,
                    Endpoints& out) {
    const auto section = root.table(name);
    if (!section) return;
    const auto check = [&](std::string_view text) { return starts_with_one_of(text, schemes); };
    if (auto uri = checked(*section, "workload_uri", check)) out.workload_uri = uri->value;
    if (auto uri = checked(*section, "management_uri", check)) out.management_uri = uri->value;
}

void read_watchdog(const ConfigSection& root, SuperConfig& config) {
    const auto section = root.table("watchdog");
    if (!section) return;
    if (section->kind("max_retries") == ConfigKind::string)
        (void)section->choice("max_retries", {"infinite"});
    else
        config.watchdog_retries = number(*section, "max_retries");
}

void read_network(const ConfigSection& moby, MobyNetwork& network) {
    if (moby.kind("network") == ConfigKind::string) return assign(network.name, moby.string("network"));
    const auto section = moby.table("network");
    if (!section) return;
    assign(network.name, section->required_string("name", "of the container network"));
    network.ipv6 = section->boolean("ipv6");
    const auto ipam = section->table("ipam");
    if (!ipam) return;
    network.ranges.emplace();
    for (const auto& entry : ipam->tables("config"))
        network.ranges->push_back({entry.string("gateway"), entry.string("subnet"), entry.string("ip_range")});
}

void read_moby(const ConfigSection& root, MobyRuntime& moby) {
    const auto section = root.table("moby_runtime");
    if (!section) return;
    const auto check = [](std::string_view text) {
        return starts_with_one_of(text, {"unix://", "http://", "https://"});
    };
    if (auto uri = checked(*section, "uri", check)) moby.uri = uri->value;
    read_network(*section, moby.network);
    const auto trust = section->table("content_trust");
    const auto certs = trust ? trust->table("ca_certs") : std::nullopt;
    if (!certs) return;
    for (const auto& host : certs->names())
        if (auto cert = file(*certs, host)) moby.content_trust[host] = std::move(*cert);
}

Complaint check_whole_days(std::string_view text) {
    const auto duration = parse_duration(text);
    if (duration && duration->count() >= 86400 && duration->count() % 86400 == 0) return std::nullopt;
    return fmt::format("must be whole days, such as \"1d\", not \"{}\"", printable(text));
}

Complaint check_duration(std::string_view text) {
    if (parse_duration(text)) return std::nullopt;
    return fmt::format("must be a duration, such as \"7d\" or \"12h\", not \"{}\"", printable(text));
}

void read_images(const ConfigSection& root, ImageCollection& images) {
    const auto section = root.table("image_garbage_collection");
    if (!section) return;
    images.enabled = section->boolean("enabled").value_or(true);
    if (auto text = checked(*section, "cleanup_recurrence", check_whole_days)) images.cleanup_recurrence = text->value;
    if (auto text = checked(*section, "image_age_cleanup_threshold", check_duration))
        images.image_age_cleanup_threshold = text->value;
    if (auto text = checked(*section, "cleanup_time", check_time_of_day)) images.cleanup_time = text->value;
}

// A path and no URI: only `iotedge config import` writes it.
std::optional<GivenFile> master_key(const ConfigSection& root) {
    constexpr std::string_view name = "imported_master_encryption_key";
    const auto path = checked(root, name, [](std::string_view text) -> Complaint {
        if (text.starts_with('/')) return std::nullopt;
        return fmt::format("must be the absolute path of a file, not \"{}\"", printable(text));
    });
    if (!path) return std::nullopt;
    return GivenFile{"", path->value, path->key, path->line};
}

}  // namespace

void container_runtime(const ConfigSection& root, SuperConfig& config) {
    config.allow_elevated_docker_permissions = root.boolean("allow_elevated_docker_permissions").value_or(true);
    config.additional_info = file(root, "additional_info");
    config.master_key = master_key(root);
    if (const auto limits = root.table("iotedge_max_requests")) {
        config.management_requests = number(*limits, "management");
        config.workload_requests = number(*limits, "workload");
    }
    config.agent = read_agent(root, config);
    read_endpoints(root, "connect", {"unix://", "http://"}, config.connect);
    read_endpoints(root, "listen", {"fd://", "unix://", "http://"}, config.listen);
    read_watchdog(root, config);
    read_moby(root, config.moby);
    read_images(root, config.images);
}

}  // namespace muster::edge::readers
