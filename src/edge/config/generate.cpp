#include "edge/config/generate.h"

#include "base/text.h"
#include "edge/config/generate_parts.h"

namespace muster::edge {
namespace {

constexpr std::string_view master_key_id = "iotedge_master_encryption_id";

bool has_device_key(const Provisioning& provisioning) {
    return provisioning.source != Provisioning::Source::none && provisioning.method != Provisioning::Method::tpm;
}

// A path as a URI: what has a meaning of its own there is escaped.
std::string file_uri(const std::filesystem::path& path) {
    std::string out = "file://";
    for (const char c : path.string()) {
        if (c == '%' || c == '?' || c == '#' || c == ' ')
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        else
            out += c;
    }
    return out;
}

std::optional<std::string> device_key_uri(const GenerateInput& in) {
    const auto& provisioning = in.config.provisioning;
    if (provisioning.identity_key) return provisioning.identity_key->uri;
    if (const auto made = key_file_for(provisioning, in.secrets)) return file_uri(*made);
    if (provisioning.shared_key && provisioning.shared_key->file) return provisioning.shared_key->file->uri;
    return std::nullopt;
}

std::string keyd(const GenerateInput& in) {
    const auto& ca = in.config.edge_ca;
    auto out = begin_file();
    if (in.config.max_requests) out.number("max_requests", in.config.max_requests->keyd);
    out.table({"aziot_keys"});
    out.text("homedir_path", "/var/lib/aziot/keyd");
    const auto& library = in.config.key_library;
    if (library.path) out.text("pkcs11_lib_path", library.path->value);
    if (library.base_slot) out.text("pkcs11_base_slot", library.base_slot->value);
    if (library.timeout_seconds) out.number("pkcs11_timeout_sec", *library.timeout_seconds);

    std::map<std::string, std::string> preloaded;
    for (const auto& [id, key] : in.config.preloaded_keys) preloaded[id] = key.uri;
    if (auto uri = device_key_uri(in)) preloaded[std::string(device_id)] = std::move(*uri);
    if (ca.key) preloaded[std::string(edge_ca_id)] = ca.key->uri;
    if (const auto made = master_key_file_for(in.config, in.secrets))
        preloaded[std::string(master_key_id)] = file_uri(*made);
    for (const auto& [id, file] : issuing_keys(in.config)) preloaded[id] = file.uri;
    out.table({"preloaded_keys"});
    for (const auto& [id, uri] : preloaded) out.text(id, uri);

    Texts identityd{"aziot_identityd_master_id"};
    if (has_device_key(in.config.provisioning)) identityd.emplace_back(device_id);
    if (in.config.provisioning.identity_issue && rotates_key(*in.config.provisioning.identity_issue))
        identityd.emplace_back(next_id(device_id));
    principal(out, in.uids.identityd, "keys", identityd);
    if (const auto certd = keys_of_certd(in.config); !certd.empty()) principal(out, in.uids.certd, "keys", certd);
    Texts edged{std::string(edge_ca_id), std::string(master_key_id)};
    if (issues_edge_ca(ca) && rotates_key(ca.issue)) edged.emplace_back(next_id(edge_ca_id));
    principal(out, in.uids.edged, "keys", edged);
    return out.str();
}

const std::string& hostname(const GenerateInput& in) {
    return in.config.hostname ? in.config.hostname->value : in.os_hostname;
}

void identityd_certificate(TomlText& out, const Provisioning& provisioning, const std::string& table) {
    out.text("identity_cert", device_id);
    out.text("identity_pk", device_id);
    if (!provisioning.identity_issue) return;
    // It also says that the certificate is issued: a value of ours where the original has none.
    if (!provisioning.identity_issue->auto_renew) return out.boolean("identity_auto_renew", false);
    out.table({"provisioning", table, "identity_auto_renew"});
    auto_renew_values(out, *provisioning.identity_issue->auto_renew);
}

// What the request for the certificate is made with: a name alone, or a subject around it.
void identityd_subject(TomlText& out, std::string_view key, const std::optional<IssueOptions>& issue,
                       const std::optional<std::string>& name) {
    if (!issue || issue->subject.empty()) {
        const auto& common_name = issue && issue->common_name ? issue->common_name : name;
        if (common_name) out.text(key, *common_name);
        return;
    }
    auto subject = issue->subject;
    const auto is_name = [](const auto& part) { return equals_ignore_case(part.first, "CN"); };
    if (name && std::ranges::none_of(subject, is_name)) subject.emplace_back("CN", *name);
    out.verbatim(key, subject_value(subject));
}

std::string_view attestation_name(Provisioning::Method method) {
    switch (method) {
        case Provisioning::Method::x509: return "x509";
        case Provisioning::Method::symmetric_key: return "symmetric_key";
        case Provisioning::Method::tpm: break;
    }
    return "tpm";
}

void identityd_dps(TomlText& out, const Provisioning& dps) {
    out.text("source", "dps");
    out.text("global_endpoint", dps.global_endpoint.value);
    out.text("scope_id", dps.id_scope.value);
    if (dps.authorities) out.text("global_endpoint_ca", dps.authorities->uri);
    if (dps.payload) out.verbatim("payload", fmt::format("{{ uri = {} }}", toml_string(dps.payload->uri)));

    out.table({"provisioning", "attestation"});
    out.text("method", attestation_name(dps.method));
    // DPS compares the certificate's name with the registration id: one stands for the other.
    identityd_subject(out, "registration_id", dps.identity_issue,
                      dps.registration_id ? std::optional(dps.registration_id->value) : std::nullopt);
    if (dps.method == Provisioning::Method::x509) return identityd_certificate(out, dps, "attestation");
    if (dps.method == Provisioning::Method::symmetric_key) out.text("symmetric_key", device_id);
}

void identityd_manual(TomlText& out, const SuperConfig& config) {
    const auto& manual = config.provisioning;
    out.text("source", "manual");
    out.text("iothub_hostname", manual.iothub_hostname.value);
    out.text("device_id", manual.device_id.value);
    if (config.parent_hostname) out.text("local_gateway_hostname", config.parent_hostname->value);
    if (manual.authorities) out.text("iothub_ca", manual.authorities->uri);

    const bool x509 = manual.method == Provisioning::Method::x509;
    out.table({"provisioning", "authentication"});
    out.text("method", x509 ? "x509" : "sas");
    // A key of ours: the original asks for a certificate of the device's name alone.
    if (manual.identity_issue && (manual.identity_issue->common_name || !manual.identity_issue->subject.empty()))
        identityd_subject(out, "identity_subject", manual.identity_issue, manual.device_id.value);
    if (x509) return identityd_certificate(out, manual, "authentication");
    out.text("device_id_pk", device_id);
}

std::string identityd(const GenerateInput& in) {
    const auto& config = in.config;
    auto out = begin_file();
    out.text("hostname", hostname(in));
    out.text("homedir", "/var/lib/aziot/identityd");
    if (config.cloud_timeout_sec) out.number("cloud_timeout_sec", *config.cloud_timeout_sec);
    if (config.cloud_retries) out.number("cloud_retries", *config.cloud_retries);
    if (config.prefer_module_identity_cache)
        out.boolean("prefer_module_identity_cache", *config.prefer_module_identity_cache);
    // A key of ours: without a container runtime it is identityd that notices and registers again.
    if (config.auto_reprovisioning_mode != "Dynamic")
        out.text("auto_reprovisioning_mode", config.auto_reprovisioning_mode);
    if (config.max_requests) out.number("max_requests", config.max_requests->identityd);

    out.table({"provisioning"});
    switch (config.provisioning.source) {
        case Provisioning::Source::none: out.text("source", "none"); break;
        case Provisioning::Source::manual: identityd_manual(out, config); break;
        case Provisioning::Source::dps: identityd_dps(out, config.provisioning); break;
    }
    if (config.local_domain) {
        out.table({"localid"});
        out.text("domain", config.local_domain->value);
    }
    proxy_section(out, config);

    // Without idtype: the container runtime, which may do everything.
    out.array_table({"principal"});
    out.number("uid", in.uids.edged);
    out.text("name", "aziot-edge");
    return out.str();
}

std::string tpmd(const GenerateInput& in) {
    auto out = begin_file();
    const auto& tpm = in.config.tpm;
    if (in.config.max_requests) out.number("max_requests", in.config.max_requests->tpmd);
    if (tpm.tcti) out.text("tcti", tpm.tcti->value);
    if (tpm.auth_key_index) out.number("auth_key_index", *tpm.auth_key_index);
    if (!tpm.endorsement_auth && !tpm.owner_auth) return out.str();
    out.table({"hierarchy_authorization"});
    if (tpm.endorsement_auth) out.text("endorsement", *tpm.endorsement_auth);
    if (tpm.owner_auth) out.text("owner", *tpm.owner_auth);
    return out.str();
}

// What the agent's own connections need of the proxy, unless [agent.env] says otherwise: AMQP itself goes through none.
std::vector<std::pair<std::string, std::string>> agent_environment(const SuperConfig& config) {
    auto env = config.agent.env;
    if (!config.proxy) return env;
    const auto add = [&](std::string name, std::string value) {
        const auto same = [&](const auto& entry) { return equals_ignore_case(entry.first, name); };
        if (std::ranges::none_of(env, same)) env.emplace_back(std::move(name), std::move(value));
    };
    add("https_proxy", config.proxy->url.value);
    if (!config.proxy->no_proxy.empty()) add("no_proxy", join(config.proxy->no_proxy, ","));
    add("UpstreamProtocol", "AmqpWs");
    return env;
}

void edged_agent(TomlText& out, const SuperConfig& config) {
    const auto& agent = config.agent;
    out.table({"agent"});
    out.text("name", agent.name);
    out.text("type", agent.type);
    out.text("imagePullPolicy", agent.image_pull_policy);
    out.table({"agent", "config"});
    out.text("image", agent.image);
    out.verbatim("createOptions", agent.create_options);
    if (agent.digest) out.text("digest", *agent.digest);
    if (!agent.auth.empty()) {
        out.table({"agent", "config", "auth"});
        for (const auto& [name, value] : agent.auth) out.text(name, value);
    }
    out.table({"agent", "env"});
    for (const auto& [name, value] : agent_environment(config)) out.text(name, value);
}

void edged_endpoints(TomlText& out, const std::string& name, const Endpoints& endpoints) {
    out.table({name});
    out.text("workload_uri", endpoints.workload_uri);
    out.text("management_uri", endpoints.management_uri);
}

void edged_network(TomlText& out, const MobyNetwork& network) {
    out.table({"moby_runtime", "network"});
    out.text("name", network.name);
    if (network.ipv6) out.boolean("ipv6", *network.ipv6);
    if (!network.ranges) return;
    for (const auto& range : *network.ranges) {
        out.array_table({"moby_runtime", "network", "ipam", "config"});
        if (range.gateway) out.text("gateway", *range.gateway);
        if (range.subnet) out.text("subnet", *range.subnet);
        if (range.ip_range) out.text("ip_range", *range.ip_range);
    }
}

void edged_moby(TomlText& out, const MobyRuntime& moby) {
    const bool plain = !moby.network.ipv6 && !moby.network.ranges;
    out.table({"moby_runtime"});
    out.text("uri", moby.uri);
    if (plain)
        out.text("network", moby.network.name);
    else
        edged_network(out, moby.network);
    if (moby.content_trust.empty()) return;
    out.table({"moby_runtime", "content_trust", "ca_certs"});
    for (const auto& [host, file] : moby.content_trust) out.text(host, "content-trust-" + host);
}

void edged_edge_ca(TomlText& out, const EdgeCa& ca) {
    out.table({"edge_ca"});
    out.text("cert", edge_ca_id);
    out.text("key", edge_ca_id);
    if (!issues_edge_ca(ca)) return;
    // The others put the subject in by themselves; for EST, edged makes the request.
    if (ca.issue.method == IssueOptions::Method::est) subject_values(out, ca.issue);
    if (!ca.issue.auto_renew) return;
    out.table({"edge_ca", "auto_renew"});
    auto_renew_values(out, *ca.issue.auto_renew);
}

std::string edged(const GenerateInput& in) {
    const auto& config = in.config;
    auto out = begin_file();
    out.text("hostname", hostname(in));
    out.text("trust_bundle_cert", "aziot-edged-trust-bundle");
    out.text("auto_reprovisioning_mode", config.auto_reprovisioning_mode);
    out.text("homedir", "/var/lib/aziot/edged");
    out.boolean("allow_elevated_docker_permissions", config.allow_elevated_docker_permissions);
    if (config.management_requests || config.workload_requests) {
        out.table({"iotedge_max_requests"});
        out.number("management", config.management_requests.value_or(50));
        out.number("workload", config.workload_requests.value_or(10));
    }
    if (!in.additional_info.empty()) {
        out.table({"additional_info"});
        for (const auto& [name, value] : in.additional_info) out.text(name, value);
    }
    edged_edge_ca(out, config.edge_ca);
    edged_agent(out, config);
    edged_endpoints(out, "connect", config.connect);
    edged_endpoints(out, "listen", config.listen);
    out.table({"watchdog"});
    if (config.watchdog_retries)
        out.number("max_retries", *config.watchdog_retries);
    else
        out.text("max_retries", "infinite");
    edged_moby(out, config.moby);
    proxy_section(out, config);
    out.table({"image_garbage_collection"});
    out.boolean("enabled", config.images.enabled);
    out.text("cleanup_recurrence", config.images.cleanup_recurrence);
    out.text("image_age_cleanup_threshold", config.images.image_age_cleanup_threshold);
    out.text("cleanup_time", config.images.cleanup_time);
    return out.str();
}

}  // namespace

TomlText begin_file() {
    TomlText out;
    out.comment("This file is auto-generated by `iotedge config apply`");
    out.comment("Do not edit it manually; any edits will be lost when the command is run again.");
    out.blank();
    return out;
}

void principal(TomlText& out, uid_t uid, std::string_view list, const Texts& ids) {
    out.array_table({"principal"});
    out.number("uid", uid);
    out.texts(list, ids);
}

void proxy_section(TomlText& out, const SuperConfig& config) {
    if (!config.proxy) return;
    out.table({"proxy"});
    out.text("url", config.proxy->url.value);
    if (!config.proxy->no_proxy.empty()) out.texts("no_proxy", config.proxy->no_proxy);
    if (config.proxy->authorities) out.text("ca", config.proxy->authorities->uri);
}

void auto_renew_values(TomlText& out, const AutoRenew& renew) {
    out.boolean("rotate_key", renew.rotate_key);
    out.text("threshold", renew.threshold);
    out.text("retry", renew.retry);
}

std::string subject_value(const std::vector<std::pair<std::string, std::string>>& parts) {
    Texts texts;
    for (const auto& [name, value] : parts) texts.push_back(toml_key(name) + " = " + toml_string(value));
    return fmt::format("{{ {} }}", fmt::join(texts, ", "));
}

void subject_values(TomlText& out, const IssueOptions& options) {
    if (options.common_name) out.text("common_name", *options.common_name);
    if (!options.subject.empty()) out.verbatim("subject", subject_value(options.subject));
}

std::string next_id(std::string_view id) {
    return std::string(id) + "-temp";
}

bool rotates_key(const IssueOptions& options) {
    return options.auto_renew && options.auto_renew->rotate_key;
}

bool issues_edge_ca(const EdgeCa& ca) {
    return !ca.certificate;
}

std::optional<std::filesystem::path> key_file_for(const Provisioning& provisioning,
                                                  const std::filesystem::path& secrets) {
    if (!provisioning.shared_key || !provisioning.shared_key->value) return std::nullopt;
    return secrets / "keyd" / device_id;
}

std::optional<std::filesystem::path> master_key_file_for(const SuperConfig& config,
                                                         const std::filesystem::path& secrets) {
    if (!config.master_key) return std::nullopt;
    return secrets / "keyd" / "imported-master-encryption-key";
}

ServiceFiles generate(const GenerateInput& input) {
    return {keyd(input), certd_file(input), identityd(input), tpmd(input), edged(input)};
}

}  // namespace muster::edge
