#include "muster/enrollment_options.h"

#include "base/file.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/endorsement_key.h"
#include "muster/symmetric_keys.h"
#include "pki/certificate.h"

namespace muster::cli {
namespace {

constexpr const char* symmetric_key = "symmetricKey";
constexpr const char* tpm = "tpm";
constexpr const char* custom = "custom";

struct ReprovisionPolicy {
    const char* name;
    bool update_hub_assignment;
    bool migrate_device_data;
};
constexpr ReprovisionPolicy reprovision_policies[] = {
    {"reprovisionandmigratedata", true, true},
    {"reprovisionandresetdata", true, false},
    {"never", false, false},
};

// An inline JSON text, or with a leading "@" the content of a file.
Result<json::object> read_object_option(const char* option, const std::string& argument) {
    const bool is_file = argument.starts_with('@');
    auto text = is_file ? read_file(argument.substr(1)) : argument;
    if (!text) return fail(text.error().wrap(fmt::format("{} cannot be read", option)));
    auto object = parse_json_object(*text);
    if (!object)
        return fail(
            object.error().wrap(fmt::format("{}{} is not a JSON object", option, is_file ? " " + argument : "")));
    return object;
}

// The object member of that name, made when it is absent.
json::object& child(json::object& object, const char* name) {
    auto& value = object[name];
    if (!value.is_object()) value.emplace_object();
    return value.as_object();
}

// What attestations are not of this kind must go: the service takes exactly one.
json::object& x509_of(json::object& body) {
    auto& attestation = child(body, "attestation");
    attestation["type"] = "x509";
    attestation.erase("tpm");
    attestation.erase("symmetricKey");
    return child(attestation, "x509");
}

// The service lets a device register under its certificate's common name alone (facts: DPS 1.2).
Result<> check_common_name(const std::string& pem, const std::string& path, const std::string& id) {
    MUSTER_TRY(const auto certificate, pki::Certificate::from_pem(pem));
    if (equals_ignore_case(certificate.common_name(), id)) return {};
    return fail(Error(Errc::invalid_argument,
                      fmt::format("{} is for '{}', and the enrollment for '{}': its device would be refused", path,
                                  printable(certificate.common_name()), id))
                    .with_hint("The id of an individual enrollment is the common name (CN) of the certificate; "
                               "--device-id names it otherwise at\n  the hub."));
}

Result<> set_certificate(json::object& slots, const char* slot, const std::string& path, EnrollmentKind kind,
                         const std::string& id) {
    if (path.empty()) return {};
    MUSTER_TRY(auto pem, read_certificate(path, kind));
    if (kind == EnrollmentKind::individual) MUSTER_CHECK(check_common_name(pem, path, id));
    slots[slot] = json::object{{"certificate", std::move(pem)}};
    return {};
}

Result<> remove_certificate(json::object& slots, std::string_view slot, const std::string& id) {
    if (find_member(slots, slot) == nullptr)
        return fail(Errc::invalid_argument, "'{}' holds no {} certificate that could be removed", id, slot);
    slots.erase(slot);
    return {};
}

Result<> apply_certificates(const EnrollmentOptions& options, EnrollmentKind kind, json::object& body) {
    const bool given = !options.certificate_path.empty() || !options.secondary_certificate_path.empty();
    if (!given && !options.remove_certificate && !options.remove_secondary_certificate) return {};
    auto& x509 = x509_of(body);
    x509.erase("caReferences");  // first: it moves the other members
    auto& slots = child(x509, kind == EnrollmentKind::group ? "signingCertificates" : "clientCertificates");
    if (options.remove_certificate) MUSTER_CHECK(remove_certificate(slots, "primary", options.id));
    if (options.remove_secondary_certificate) MUSTER_CHECK(remove_certificate(slots, "secondary", options.id));
    MUSTER_CHECK(set_certificate(slots, "primary", options.certificate_path, kind, options.id));
    return set_certificate(slots, "secondary", options.secondary_certificate_path, kind, options.id);
}

void apply_ca_references(const EnrollmentOptions& options, json::object& body) {
    if (options.ca_name.empty() && options.secondary_ca_name.empty()) return;
    auto& x509 = x509_of(body);
    x509.erase("signingCertificates");
    auto& references = child(x509, "caReferences");
    if (!options.ca_name.empty()) references["primary"] = options.ca_name;
    if (!options.secondary_ca_name.empty()) references["secondary"] = options.secondary_ca_name;
}

Result<> set_key(json::object& keys, const char* name, const std::string& argument) {
    if (argument.empty()) return {};
    MUSTER_TRY(const auto key, read_key(argument));
    keys[name] = key.text();
    return {};
}

// The service makes the keys that are not given, and keeps those it has.
Result<> apply_symmetric_keys(const EnrollmentOptions& options, json::object& body) {
    const bool given = !options.primary_key.empty() || !options.secondary_key.empty();
    if (!given && options.attestation_type != symmetric_key) return {};
    auto& attestation = child(body, "attestation");
    attestation["type"] = symmetric_key;
    attestation.erase("x509");
    attestation.erase("tpm");
    auto& keys = child(attestation, symmetric_key);
    MUSTER_CHECK(set_key(keys, "primaryKey", options.primary_key));
    return set_key(keys, "secondaryKey", options.secondary_key);
}

Result<> apply_endorsement_key(const EnrollmentOptions& options, json::object& body) {
    if (options.endorsement_key.empty()) return {};
    MUSTER_TRY(const auto key, read_endorsement_key(options.endorsement_key));
    body["attestation"] = {{"type", tpm}, {tpm, {{"endorsementKey", key}}}};
    return {};
}

Result<> apply_twin(const EnrollmentOptions& options, json::object& body) {
    if (!options.tags.empty()) {
        json::object tags;
        for (const auto& argument : options.tags) MUSTER_CHECK(merge_tags(argument, tags));
        child(body, "initialTwin")["tags"] = std::move(tags);
    }
    if (!options.desired.empty()) {
        MUSTER_TRY(auto desired, read_object_option("--initial-twin-properties", options.desired));
        // The service's own form is accepted too: {"desired": {...}}.
        if (const auto* inner = object_at(desired, "desired"); inner != nullptr && desired.size() == 1) {
            desired = json::object(*inner);
        }
        child(child(body, "initialTwin"), "properties")["desired"] = std::move(desired);
    }
    return {};
}

// The first version whose webhooks are asked as ours are.
constexpr const char* default_webhook_api = "2019-03-31";

// One that is never asked is a mistake: either of the policy or of the webhook.
Result<> apply_webhook(const EnrollmentOptions& options, json::object& body) {
    if (options.webhook_url.empty() && options.webhook_api_version.empty()) return {};
    auto& webhook = child(body, "customAllocationDefinition");
    if (!options.webhook_url.empty()) webhook["webhookUrl"] = options.webhook_url;
    if (!options.webhook_api_version.empty()) webhook["apiVersion"] = options.webhook_api_version;
    if (find_member(webhook, "apiVersion") == nullptr) webhook["apiVersion"] = default_webhook_api;
    if (const auto policy = string_or(body, "allocationPolicy", "the service's own"); policy != custom)
        return fail(
            Error(Errc::invalid_argument, fmt::format("the allocation policy of '{}' is {}: no webhook is asked",
                                                      options.id, printable(policy)))
                .with_hint("Give --allocation-policy custom as well."));
    return {};
}

Result<> apply_policies(const EnrollmentOptions& options, json::object& body) {
    if (!options.provisioning_status.empty()) body["provisioningStatus"] = options.provisioning_status;
    for (const auto& policy : reprovision_policies) {
        if (options.reprovision_policy != policy.name) continue;
        body["reprovisionPolicy"] = {{"updateHubAssignment", policy.update_hub_assignment},
                                     {"migrateDeviceData", policy.migrate_device_data}};
    }
    if (!options.allocation_policy.empty()) body["allocationPolicy"] = options.allocation_policy;
    if (!options.iot_hubs.empty()) {
        body.erase("iotHubHostName");  // the deprecated way to name one hub
        body["iotHubs"] = json::value_from(options.iot_hubs);
    }
    return apply_webhook(options, body);
}

// What can be told from the command line alone is told before anything is read or sent.
std::string check_json_argument(const std::string& argument) {
    if (argument.starts_with('@')) return {};
    const auto object = parse_json_object(argument);
    return object ? std::string() : fmt::format("not a JSON object: {}", object.error().chain());
}

std::string check_tags_argument(const std::string& argument) {
    if (argument.starts_with('@')) return {};
    json::object ignored;
    const auto merged = merge_tags(argument, ignored);
    return merged ? std::string() : merged.error().chain();
}

void add_key_options(CLI::App& verb, EnrollmentKind kind, EnrollmentVerb change, EnrollmentOptions& options) {
    std::vector<std::string> types{"x509", symmetric_key};
    if (kind == EnrollmentKind::individual) types.emplace_back(tpm);
    if (change == EnrollmentVerb::create) {
        add_choice(verb, "--attestation-type,--at", options.attestation_type, types,
                   "how a device proves itself; default x509");
    }
    if (kind == EnrollmentKind::individual) {
        verb.add_option("--endorsement-key,--ek", options.endorsement_key,
                        "endorsement key of the device's TPM: base64, or @FILE as tpm2_readpublic -o writes it")
            ->type_name("KEY");
    }
    verb.add_option("--primary-key,--pk", options.primary_key,
                    "symmetric key, base64, in a file; without it the service makes one")
        ->check(check_key_argument, "", "")
        ->type_name("@FILE");
    verb.add_option("--secondary-key,--sk", options.secondary_key, "the second one, accepted as well")
        ->check(check_key_argument, "", "")
        ->type_name("@FILE");
}

void add_attestation_options(CLI::App& verb, EnrollmentKind kind, EnrollmentVerb change, EnrollmentOptions& options) {
    const bool group = kind == EnrollmentKind::group;
    add_file(verb, "--certificate-path,--cp", options.certificate_path,
             group ? "CA certificate (root or intermediate; PEM or DER) that signs the devices' certificates"
                   : "the device's certificate (PEM or DER); of a full chain the first is taken");
    add_file(verb, "--secondary-certificate-path,--scp", options.secondary_certificate_path,
             "a second one, accepted as well: for rolling certificates");
    if (group) {
        verb.add_option("--ca-name,--root-ca-name,--cn", options.ca_name, "name of an uploaded CA certificate instead")
            ->type_name("NAME");
        verb.add_option("--secondary-ca-name,--secondary-root-ca-name,--scn", options.secondary_ca_name,
                        "name of a second one")
            ->type_name("NAME");
    }
    add_key_options(verb, kind, change, options);
    if (change == EnrollmentVerb::create) return;
    verb.add_flag("--remove-certificate,--rc", options.remove_certificate, "take the primary certificate away");
    verb.add_flag("--remove-secondary-certificate,--rsc", options.remove_secondary_certificate,
                  "take the secondary certificate away");
}

void add_twin_options(CLI::App& verb, EnrollmentOptions& options) {
    verb.add_option("--initial-twin-tags,--tags", options.tags,
                    "tags of a new device: KEY=VALUE (a.b=c nests; repeat it), a JSON object, or @FILE")
        ->check(check_tags_argument, "", "")
        ->type_name("TAGS")
        ->allow_extra_args(false);
    verb.add_option("--initial-twin-properties,--props", options.desired,
                    "desired properties of a new device: a JSON object, or @FILE")
        ->check(check_json_argument, "", "")
        ->type_name("JSON");
}

void add_allocation_options(CLI::App& verb, EnrollmentOptions& options) {
    add_choice(verb, "--allocation-policy,--ap", options.allocation_policy, {"hashed", "geoLatency", "static", custom},
               "how a hub is chosen; default: the service's own policy");
    verb.add_option("--iot-hubs,--ih", options.iot_hubs, "hubs to choose from; repeat it or separate with commas")
        ->type_name("HOST")
        ->delimiter(',')
        ->allow_extra_args(false);
    verb.add_option("--webhook-url,--wh", options.webhook_url, "https URL that is asked for the hub (custom policy)")
        ->type_name("URL");
    verb.add_option("--api-version,--av", options.webhook_api_version,
                    "version of the API that the webhook speaks; default 2019-03-31")
        ->type_name("DATE");
}

}  // namespace

bool EnrollmentOptions::changes_something() const {
    EnrollmentOptions empty;
    const auto texts = [](const EnrollmentOptions& of) {
        return std::tie(of.certificate_path, of.secondary_certificate_path, of.ca_name, of.secondary_ca_name,
                        of.primary_key, of.secondary_key, of.endorsement_key, of.device_id, of.device_information,
                        of.edge_enabled, of.desired, of.provisioning_status, of.reprovision_policy,
                        of.allocation_policy, of.tags, of.iot_hubs, of.webhook_url, of.webhook_api_version,
                        of.credential_policy, of.trust_bundle, of.edge_ca);
    };
    return texts(*this) != texts(empty) || remove_certificate || remove_secondary_certificate;
}

std::string EnrollmentOptions::attestation_fault(EnrollmentKind kind, EnrollmentVerb verb) const {
    const bool x509 = !certificate_path.empty() || !secondary_certificate_path.empty() || !ca_name.empty() ||
                      !secondary_ca_name.empty() || remove_certificate || remove_secondary_certificate;
    const bool keys = attestation_type == symmetric_key || !primary_key.empty() || !secondary_key.empty();
    const bool by_tpm = !endorsement_key.empty();
    const bool by_name = !ca_name.empty() || !secondary_ca_name.empty();
    if (by_name && (!certificate_path.empty() || !secondary_certificate_path.empty()))
        return "a group holds its certificates or names them: --certificate-path and --ca-name do not go together";
    if (remove_certificate && !certificate_path.empty())
        return "--remove-certificate and --certificate-path do not go together";
    if (remove_secondary_certificate && !secondary_certificate_path.empty())
        return "--remove-secondary-certificate and --secondary-certificate-path do not go together";
    if (by_name && (remove_certificate || remove_secondary_certificate))
        return "--ca-name puts a name in the place of the group's certificates: there is nothing to remove";
    if (x509 && keys) return "certificates and symmetric keys do not go together";
    if (by_tpm && (x509 || keys)) return "an endorsement key goes together with no other credential";
    if (attestation_type == "x509" && keys) return "a symmetric key is not of attestation type x509";
    if (attestation_type == "x509" && by_tpm) return "an endorsement key is not of attestation type x509";
    if (attestation_type == tpm && !by_tpm) return "--endorsement-key KEY is needed";
    if (verb == EnrollmentVerb::update || keys || by_tpm || !certificate_path.empty() || !ca_name.empty()) return {};
    return fmt::format("--certificate-path FILE is needed, or {}, or --attestation-type {}",
                       kind == EnrollmentKind::group ? "--ca-name NAME" : "--endorsement-key KEY", symmetric_key);
}

std::string EnrollmentOptions::allocation_fault() const {
    const bool webhook = !webhook_url.empty();
    if (allocation_policy == custom && !webhook) return "--allocation-policy custom needs --webhook-url URL";
    if (webhook && allocation_policy != custom) return "--webhook-url is asked with --allocation-policy custom alone";
    if (allocation_policy == "static" && iot_hubs.size() != 1)
        return "--allocation-policy static needs --iot-hubs with one hub";
    return {};
}

void add_enrollment_options(CLI::App& verb, EnrollmentKind kind, EnrollmentVerb change, EnrollmentOptions& options) {
    const bool group = kind == EnrollmentKind::group;
    add_registration_id(verb, "ID", options.id,
                        group ? "name of the group" : "registration id: the CN of the device's certificate");
    add_attestation_options(verb, kind, change, options);
    if (!group) {
        verb.add_option("--device-id", options.device_id, "id at the hub; default: the registration id")
            ->type_name("ID");
        verb.add_option("--device-information,--info", options.device_information,
                        "anything worth knowing about the device: a JSON object, or @FILE")
            ->check(check_json_argument, "", "")
            ->type_name("JSON");
    }
    add_choice(verb, "--edge-enabled,--ee", options.edge_enabled, {"true", "false"},
               "whether it is an IoT Edge device");
    add_twin_options(verb, options);
    add_choice(verb, "--provisioning-status,--ps", options.provisioning_status, {"enabled", "disabled"},
               "disabled: its devices are turned away");
    std::vector<std::string> policies;
    for (const auto& policy : reprovision_policies) policies.emplace_back(policy.name);
    add_choice(verb, "--reprovision-policy,--rp", options.reprovision_policy, policies,
               "what happens when a device registers again");
    add_allocation_options(verb, options);
    add_choice(verb, "--credential-policy", options.credential_policy, {"default", "none"},
               "default: devices that ask for it get a certificate of the service's authority with their registration");
    verb.add_option("--trust-bundle", options.trust_bundle,
                    "CA certificates that devices get when they register (`muster trust-bundle`); none: no more")
        ->type_name("ID");
    if (group) {
        add_choice(verb, "--edge-ca", options.edge_ca, {"true", "false"},
                   "whether its devices may have an edge CA from the service's authority over EST; default false");
    }
    if (change == EnrollmentVerb::update) {
        add_etag(verb, options.etag, "change");
    }
}

Result<> apply_options(const EnrollmentOptions& options, EnrollmentKind kind, json::object& body) {
    body[kind == EnrollmentKind::group ? "enrollmentGroupId" : "registrationId"] = options.id;
    MUSTER_CHECK(apply_certificates(options, kind, body));
    apply_ca_references(options, body);
    MUSTER_CHECK(apply_symmetric_keys(options, body));
    MUSTER_CHECK(apply_endorsement_key(options, body));
    if (!options.device_id.empty()) body["deviceId"] = options.device_id;
    if (options.trust_bundle == "none") body.erase("trustBundleId");
    if (!options.trust_bundle.empty() && options.trust_bundle != "none") body["trustBundleId"] = options.trust_bundle;
    if (options.credential_policy == "none") body.erase("credentialPolicyName");
    if (options.credential_policy == "default") body["credentialPolicyName"] = options.credential_policy;
    if (!options.device_information.empty()) {
        MUSTER_TRY(body["optionalDeviceInformation"],
                   read_object_option("--device-information", options.device_information));
    }
    if (options.edge_ca == "false") body.erase("edgeCaIssuance");
    if (options.edge_ca == "true") body["edgeCaIssuance"] = true;
    if (!options.edge_enabled.empty()) child(body, "capabilities")["iotEdge"] = options.edge_enabled == "true";
    MUSTER_CHECK(apply_twin(options, body));
    return apply_policies(options, body);
}

Result<> merge_tags(const std::string& argument, json::object& object) {
    if (argument.starts_with('{') || argument.starts_with('@')) {
        MUSTER_TRY(auto given, read_object_option("--initial-twin-tags", argument));
        for (auto& [name, value] : given) object[name] = std::move(value);
        return {};
    }
    const auto equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) {
        return fail(Errc::invalid_argument, "'{}' is neither KEY=VALUE, nor a JSON object, nor @FILE",
                    printable(argument));
    }
    auto* at = &object;
    const auto names = split(std::string_view(argument).substr(0, equals), '.');
    const auto contradicts = [&](std::string_view name) {
        return fail(Errc::invalid_argument, "'{}' and another tag do not go together: '{}' has a value and members",
                    printable(argument), printable(name));
    };
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
        auto& value = (*at)[json::string_view(names[i].data(), names[i].size())];
        if (value.is_null()) value.emplace_object();
        if (!value.is_object()) return contradicts(names[i]);
        at = &value.as_object();
    }
    auto& value = (*at)[json::string_view(names.back().data(), names.back().size())];
    if (value.is_object()) return contradicts(names.back());
    value = argument.substr(equals + 1);
    return {};
}

Result<std::string> read_certificate(const std::string& path, EnrollmentKind kind) {
    MUSTER_TRY(const auto text, read_file(path));
    if (text.contains("PRIVATE KEY-----") && !text.contains("BEGIN CERTIFICATE-----")) {
        return fail(Error(Errc::invalid_argument, fmt::format("{} holds a private key, not a certificate", path))
                        .with_hint("Name the .cert.pem file; private keys stay on the device."));
    }
    auto certificate = pki::Certificate::from_any(text);
    if (!certificate) return fail(certificate.error().wrap(fmt::format("{} is not a certificate", path)));
    if (kind == EnrollmentKind::group && !certificate->is_ca()) {
        return fail(
            Error(Errc::invalid_argument,
                  fmt::format("{}: {} is not a CA certificate, so no device certificate can be signed by it", path,
                              certificate->subject()))
                .with_hint("A group takes the root or an intermediate of its devices' chains; for this one device, "
                           "use `muster enrollment create`."));
    }
    return certificate->pem();
}

}  // namespace muster::cli
