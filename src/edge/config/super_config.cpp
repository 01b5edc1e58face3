#include "edge/config/super_config.h"

#include "base/text.h"
#include "edge/common/tpm_handles.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"
#include "edge/pkcs11/uri.h"

namespace muster::edge {
namespace {

using namespace readers;

void read_parent(const ConfigSection& root, SuperConfig& config) {
    const bool both = root.has("parent_hostname") && root.has("local_gateway_hostname");
    if (both) root.problem("local_gateway_hostname", "is another name of parent_hostname: give one of the two");
    for (const auto* name : {"parent_hostname", "local_gateway_hostname"}) {
        auto host = checked(root, name, check_host_and_port);
        if (host) config.parent_hostname = std::move(*host);
    }
}

// The parent is called in the hub's stead, and knows nothing of DPS.
void check_parent(const ConfigSection& root, const SuperConfig& config) {
    if (!config.parent_hostname || config.provisioning.source != Provisioning::Source::dps) return;
    root.problem(config.parent_hostname->key,
                 "a device below another one (nested edge) cannot be provisioned through DPS",
                 "provision it with source = \"manual\", or comment this line out with #");
}

void read_cloud(const ConfigSection& root, SuperConfig& config) {
    if (const auto seconds = root.integer("cloud_timeout_sec", 0, 3600)) {
        if (*seconds < 70)
            root.problem("cloud_timeout_sec", fmt::format("must be at least 70 seconds, not {}", *seconds),
                         "comment it out with #: 70 is what it is without");
        else
            config.cloud_timeout_sec = static_cast<std::uint64_t>(*seconds);
    }
    if (const auto retries = root.integer("cloud_retries", 0, 100))
        config.cloud_retries = static_cast<std::uint32_t>(*retries);
    config.prefer_module_identity_cache = root.boolean("prefer_module_identity_cache");
    if (auto mode = root.choice("auto_reprovisioning_mode", {"Dynamic", "AlwaysOnStartup", "OnErrorOnly"}))
        config.auto_reprovisioning_mode = std::move(*mode);
}

void read_max_requests(const ConfigSection& root, SuperConfig& config) {
    const auto table = root.table("aziot_max_requests");
    if (!table) return;
    MaxRequests limits;
    const auto read = [&](std::string_view name) {
        return static_cast<std::uint32_t>(table->integer(name, 1, UINT32_MAX).value_or(10));
    };
    limits.keyd = read("keyd");
    limits.certd = read("certd");
    limits.tpmd = read("tpmd");
    limits.identityd = read("identityd");
    config.max_requests = limits;
}

std::optional<Given> local_domain(const ConfigSection& root) {
    const auto table = root.table("localid");
    if (!table) return std::nullopt;
    return required(*table, "domain", "of the local identities", check_hostname);
}

// keyd has to give up before identityd and certd do (edge/service/local_call.h).
constexpr std::int64_t longest_token_patience = 55;

Complaint check_library_path(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (!text.starts_with('/')) return fmt::format("must be an absolute path, not \"{}\"", printable(text));
    return std::nullopt;
}

void read_key_library(const ConfigSection& root, KeyLibrary& library) {
    const auto table = root.table("aziot_keys");
    if (!table) return;
    library.path = checked(*table, "pkcs11_lib_path", check_library_path);
    if (const auto seconds = table->integer("pkcs11_timeout_sec", 1, 3600)) {
        if (*seconds > longest_token_patience)
            table->problem("pkcs11_timeout_sec",
                           fmt::format("must be at most {} seconds, not {}: who asks keyd for a key waits a minute and "
                                       "would be gone",
                                       longest_token_patience, *seconds),
                           "comment it out with #: 50 is what it is without");
        else
            library.timeout_seconds = static_cast<std::uint32_t>(*seconds);
    }
    const auto slot = table->string("pkcs11_base_slot");
    if (!slot) return;
    const auto uri = pkcs11::Uri::parse(*slot);
    if (!uri)
        table->problem("pkcs11_base_slot", uri.error().message(), uri.error().hint());
    else if (uri->names_object())
        table->problem("pkcs11_base_slot", "names an object, but a slot holds many", "leave object= and id= out");
    else
        library.base_slot = given(*table, "pkcs11_base_slot", *slot);
}

// TPM2B_AUTH holds no more.
constexpr std::size_t longest_tpm_auth = 64;

std::optional<std::string> tpm_auth(const ConfigSection& section, std::string_view name) {
    auto text = section.string(name);
    if (!text || text->size() <= longest_tpm_auth) return text;
    section.problem(name, fmt::format("has more than {} bytes, which is all that a TPM takes", longest_tpm_auth));
    return std::nullopt;
}

std::optional<std::uint32_t> tpm_auth_key_index(const ConfigSection& table) {
    const auto number = table.integer("auth_key_index", 0, 0x7FFFFF);
    if (!number) return std::nullopt;
    const auto index = static_cast<std::uint32_t>(*number);
    const auto other = key_in_place_of(index);
    if (other.empty()) return index;
    table.problem("auth_key_index",
                  fmt::format("{:#x} is the place of {} ({:#x})", index, other, first_owner_handle + index),
                  "comment it out with #: 0x000100 is what it is without");
    return std::nullopt;
}

TpmSettings read_tpm(const ConfigSection& root) {
    TpmSettings out;
    const auto table = root.table("tpm");
    if (!table) return out;
    out.tcti = checked(*table, "tcti", [](std::string_view text) -> Complaint {
        if (!text.empty()) return std::nullopt;
        return "is empty: \"device\" is the kernel's TPM";
    });
    out.auth_key_index = tpm_auth_key_index(*table);
    if (const auto hierarchy = table->table("hierarchy_authorization")) {
        out.endorsement_auth = tpm_auth(*hierarchy, "endorsement");
        out.owner_auth = tpm_auth(*hierarchy, "owner");
    }
    return out;
}

void read_service_endpoints(const ConfigSection& root) {
    const auto table = root.table("endpoints");
    if (!table) return;
    (void)text_map(*table);
    root.problem("endpoints", "cannot be moved: the sockets stand in /run/aziot", "comment it out with #");
}

// Those of the services' own files.
void read_principals(const ConfigSection& root) {
    if (root.kind("principal") == ConfigKind::absent) return;
    root.problem("principal", "is understood in the services' own files alone",
                 "move it into a file of your own, such as /etc/aziot/identityd/config.d/50-mine.toml");
}

}  // namespace

SuperConfig understand(Config& source) {
    const auto root = source.root();
    SuperConfig config;
    config.hostname = checked(root, "hostname", check_hostname);
    read_parent(root, config);
    read_cloud(root, config);
    read_max_requests(root, config);
    config.provisioning = readers::provisioning(root);
    config.proxy = readers::proxy(root);
    check_parent(root, config);
    config.trust_bundle = file(root, "trust_bundle_cert");
    config.edge_ca = edge_ca(root);
    preloaded(root, config);
    cert_issuance(root, config);
    config.local_domain = local_domain(root);
    read_key_library(root, config.key_library);
    config.tpm = read_tpm(root);
    read_service_endpoints(root);
    read_principals(root);
    container_runtime(root, config);
    return config;
}

}  // namespace muster::edge
