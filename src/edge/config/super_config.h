// The device's one configuration file, /etc/aziot/config.toml, as data (facts/device.md section 1).
//
// Every key of the original is understood; one that is unknown is a problem with its line and the nearest name. Keys
// that only travel to the container runtime's file are checked for their type and carried.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/config.h"

namespace muster::edge {

// A value and the place it came from, for the checks that follow.
struct Given {
    std::string value;
    std::string key;       // dotted
    std::size_t line = 0;  // 1-based; 0 when the file does not say it
};

// A file named by a "file:///..." URI. The path is the device's own and is never moved below a device root.
struct GivenFile {
    std::string uri;
    std::filesystem::path path;
    std::string key;
    std::size_t line = 0;

    // Of a key alone: a "pkcs11:" URI stands in the place of the file's, and there is no path.
    bool in_token() const { return path.empty(); }
};

struct AutoRenew {
    bool rotate_key = true;
    std::string threshold = "80%";  // "N%" of the lifetime, "Nmin" or "Nday" before its end
    std::string retry = "4%";
};

// How the device signs in at an EST server.
struct EstAuth {
    std::optional<std::string> username;
    std::optional<std::string> password;
    std::optional<GivenFile> certificate;  // to sign in with
    std::optional<GivenFile> key;
    std::optional<GivenFile> bootstrap_certificate;  // to get the one to sign in with
    std::optional<GivenFile> bootstrap_key;

    bool any() const { return username || certificate || bootstrap_certificate; }
};

// A certificate that is issued to the device.
struct IssueOptions {
    enum class Method { self_signed, local_ca, est };
    Method method = Method::self_signed;
    std::optional<std::uint32_t> expiry_days;           // not with est
    std::optional<AutoRenew> auto_renew = AutoRenew{};  // nothing: switched off
    std::optional<std::string> common_name;
    std::vector<std::pair<std::string, std::string>> subject;  // instead of common_name
    std::optional<Given> url;                                  // with est: before those of [cert_issuance.est.urls]
    EstAuth auth;                                              // with est: instead of [cert_issuance.est.auth]
    std::string key;                                           // of the table, dotted
    std::size_t line = 0;
};

// The authority that signs the certificates of the device's modules: from files, or issued.
struct EdgeCa {
    IssueOptions issue;
    std::optional<GivenFile> certificate;
    std::optional<GivenFile> key;
};

// [cert_issuance.est]
struct EstSettings {
    std::vector<GivenFile> trusted_certs;
    EstAuth auth;
    std::optional<AutoRenew> identity_auto_renew;
    std::map<std::string, Given> urls;  // by certificate id, and "default"
    std::size_t line = 0;
};

// [cert_issuance.local_ca]: from files, or issued.
struct LocalCa {
    std::optional<IssueOptions> issue;
    std::optional<GivenFile> certificate;
    std::optional<GivenFile> key;
};

// A symmetric key: its bytes, which apply puts where keyd reads them, or the file that holds them.
struct SharedKey {
    std::optional<Secret> value;
    std::optional<GivenFile> file;
    std::string key;  // dotted
    std::size_t line = 0;
};

// Where the device's identity comes from, and what it shows for it.
struct Provisioning {
    enum class Source { none, manual, dps };
    enum class Method { x509, symmetric_key, tpm };
    Source source = Source::none;
    Method method = Method::x509;
    std::optional<GivenFile> identity_certificate;  // with x509
    std::optional<GivenFile> identity_key;
    std::optional<IssueOptions> identity_issue;  // instead of the two files
    std::optional<SharedKey> shared_key;         // with symmetric_key
    std::optional<GivenFile> authorities;        // ours: trusted besides the system's, PEM

    // Of dps:
    Given global_endpoint;  // normalised: "https://host/"
    Given id_scope;
    std::optional<GivenFile> payload;      // JSON, sent with the registration
    std::optional<Given> registration_id;  // absent: the certificate's common name

    // Of manual:
    Given iothub_hostname;  // host[:port]
    Given device_id;
};

// Ours: one place for the proxy, which the services and the container runtime's agent are given.
struct ProxySettings {
    Given url;  // "http://[user:password@]host:port"; may hold a secret
    std::vector<std::string> no_proxy;
    std::optional<GivenFile> authorities;  // of a proxy that looks into TLS
};

struct Agent {
    std::string name = "edgeAgent";
    std::string type = "docker";
    std::string image_pull_policy = "on-create";
    std::string image = "mcr.microsoft.com/azureiotedge-agent:1.6";
    std::string create_options = "{}";  // an inline TOML table
    std::optional<std::string> digest;
    std::vector<std::pair<std::string, std::string>> auth;  // serveraddress, username, password, email
    std::vector<std::pair<std::string, std::string>> env;
};

struct Endpoints {
    std::string workload_uri;
    std::string management_uri;
};

struct MobyNetwork {
    std::string name = "azure-iot-edge";
    std::optional<bool> ipv6;
    struct Range {
        std::optional<std::string> gateway, subnet, ip_range;
    };
    std::optional<std::vector<Range>> ranges;
};

struct MobyRuntime {
    std::string uri = "unix:///var/run/docker.sock";
    MobyNetwork network;
    std::map<std::string, GivenFile> content_trust;  // registry host -> its authorities
};

struct ImageCollection {
    bool enabled = true;
    std::string cleanup_recurrence = "1d";
    std::string image_age_cleanup_threshold = "7d";
    std::string cleanup_time = "00:00";
};

struct MaxRequests {
    std::uint32_t keyd = 10, certd = 10, tpmd = 10, identityd = 10;
};

// What certd or keyd hands out under an id: a file, or (certificates alone) other ids put together.
struct Preloaded {
    std::optional<GivenFile> file;
    std::vector<std::string> ids;
};

// [tpm]: how aziot-tpmd comes to the TPM.
struct TpmSettings {
    std::optional<Given> tcti;  // as tpm2-tss names it; absent: "device", the kernel's
    std::optional<std::uint32_t> auth_key_index;
    std::optional<std::string> endorsement_auth, owner_auth;  // secrets
};

// [aziot_keys]: keys in PKCS #11 tokens.
struct KeyLibrary {
    std::optional<Given> path;                     // pkcs11_lib_path
    std::optional<std::uint32_t> timeout_seconds;  // ours: pkcs11_timeout_sec
    std::optional<Given> base_slot;  // pkcs11_base_slot, a pkcs11: URI with its PIN: where new keys are made
};

struct SuperConfig {
    std::optional<Given> hostname;         // absent: the operating system's
    std::optional<Given> parent_hostname;  // of a nested device: what stands for the hub, host[:port]
    Provisioning provisioning;
    std::optional<ProxySettings> proxy;
    TpmSettings tpm;
    std::optional<std::uint64_t> cloud_timeout_sec;
    std::optional<std::uint32_t> cloud_retries;
    std::optional<MaxRequests> max_requests;
    std::optional<bool> prefer_module_identity_cache;
    std::optional<Given> local_domain;  // [localid]
    std::map<std::string, Preloaded> preloaded_certs;
    std::map<std::string, GivenFile> preloaded_keys;
    KeyLibrary key_library;
    EdgeCa edge_ca;
    std::optional<EstSettings> est;
    std::optional<LocalCa> local_ca;
    std::optional<GivenFile> trust_bundle;

    std::string auto_reprovisioning_mode = "Dynamic";  // of identityd and the container runtime

    // What only travels to the container runtime's file.
    bool allow_elevated_docker_permissions = true;
    std::optional<GivenFile> additional_info;
    // Of IoT Edge 1.1: apply puts its bytes where keyd reads them. The URI is empty.
    std::optional<GivenFile> master_key;
    std::optional<std::uint32_t> management_requests, workload_requests;
    Agent agent;
    Endpoints connect{"unix:///var/run/iotedge/workload.sock", "unix:///var/run/iotedge/mgmt.sock"};
    Endpoints listen{"fd://aziot-edged.workload.socket", "fd://aziot-edged.mgmt.socket"};
    std::optional<std::uint32_t> watchdog_retries;  // absent: for ever
    MobyRuntime moby;
    ImageCollection images;
};

// Reads the whole file; what is wrong with it is then in config.problems(). The result is meant for use only when there
// are no problems.
SuperConfig understand(Config& config);

}  // namespace muster::edge
