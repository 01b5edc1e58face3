// identityd's settings: /etc/aziot/identityd/config.toml and config.d (facts/device.md 2.2).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "edge/identityd/callers.h"
#include "edge/renewal/policy.h"
#include "edge/service/admission.h"
#include "edge/service/settings.h"
#include "net/proxy.h"
#include "pki/csr.h"

namespace muster::edge::identityd {

enum class Source { none, manual, dps };

// auto_reprovisioning_mode: when the device registers again. In every mode it does when the hub refuses it.
enum class Reprovisioning {
    dynamic,            // it also looks for that by itself, now and then
    always_on_startup,  // it also does at each start
    on_error_only,
};

// How a certificate is got that is issued to the device.
struct IssuedIdentity {
    pki::Subject subject;                       // of the request; its CN names the device
    std::optional<renewal::Policy> auto_renew;  // absent: never
};

// A certificate that certd has, with its key in keyd.
struct X509Settings {
    std::string certificate_id = "device-id";
    std::string key_id = "device-id";
    std::optional<IssuedIdentity> issued;  // absent: it comes from a file
};

// A symmetric key in keyd.
struct SharedKeySettings {
    std::string key_id = "device-id";
};

// A key in the device's TPM, which DPS puts there.
struct TpmSettings {};

using CredentialSettings = std::variant<X509Settings, SharedKeySettings, TpmSettings>;

// Registration with DPS.
struct DpsSettings {
    std::string global_endpoint;  // "https://host[:port]"
    std::string scope_id;
    std::optional<std::filesystem::path> payload;  // JSON, sent along with the registration
    std::optional<std::string> registration_id;    // absent: what the credential implies
};

// An identity that the operator made on the hub.
struct ManualSettings {
    std::string hub;  // host[:port]
    std::string device_id;
};

// How the cloud is called.
struct CloudSettings {
    std::chrono::seconds timeout{70};  // of each request to DPS or the hub
    unsigned retries = 1;              // after a network error, three seconds apart
    net::ProxyRules proxy;
    std::vector<std::filesystem::path> authorities;  // PEM, trusted besides the system's store
};

struct Settings {
    std::string hostname;
    std::filesystem::path home;
    CloudSettings cloud;
    bool prefer_module_identity_cache = false;
    Source source = Source::none;
    Reprovisioning reprovisioning = Reprovisioning::dynamic;
    std::optional<std::string> local_domain;  // [localid]: of local identities; absent: there are none
    std::optional<std::string> gateway;       // host[:port] that stands for the hub: the parent of a nested device
    CredentialSettings credential;            // not with Source::none
    DpsSettings dps;                          // with Source::dps
    ManualSettings manual;                    // with Source::manual
    Callers callers;
    Admission::Limits limits;

    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object, const Paths& paths);
};

}  // namespace muster::edge::identityd
