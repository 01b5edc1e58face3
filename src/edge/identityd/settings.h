// identityd's settings: /etc/aziot/identityd/config.toml and config.d (facts/device.md 2.2).
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "edge/identityd/callers.h"
#include "edge/service/admission.h"
#include "edge/service/settings.h"

namespace muster::edge::identityd {

enum class Source { none, dps };

// Registration with DPS by an X.509 certificate, which certd has, and its key, which keyd has.
struct DpsSettings {
    std::string global_endpoint;  // "https://host[:port]"
    std::string scope_id;
    std::optional<std::filesystem::path> global_endpoint_ca;  // PEM, trusted besides the system's store; a key of ours
    std::optional<std::filesystem::path> payload;             // JSON, sent along with the registration
    std::optional<std::string> registration_id;               // absent: the CN of the certificate
    std::string certificate_id = "device-id";
    std::string key_id = "device-id";
};

struct Settings {
    std::string hostname;
    std::filesystem::path home;
    std::chrono::seconds cloud_timeout{70};  // of each request to DPS or the hub
    unsigned cloud_retries = 1;              // after a network error, three seconds apart
    bool prefer_module_identity_cache = false;
    Source source = Source::none;
    DpsSettings dps;
    Callers callers;
    Admission::Limits limits;

    // Errc::unsupported names what comes with a later version (other attestations, manual provisioning).
    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object, const Paths& paths);
};

}  // namespace muster::edge::identityd
