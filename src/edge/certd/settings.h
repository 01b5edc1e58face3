// certd's settings: /etc/aziot/certd/config.toml and config.d (facts/device.md 2.2).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "edge/renewal/pair.h"
#include "edge/renewal/policy.h"
#include "edge/service/admission.h"
#include "edge/service/principals.h"
#include "edge/service/proxy.h"
#include "edge/service/settings.h"
#include "pki/csr.h"

namespace muster::edge::certd {

enum class Method { self_signed, local_ca, est };

// How to sign in at an EST server: by name and password, by a certificate, or, while that one is not there yet, by one
// to begin with.
struct EstAuth {
    std::string username;
    std::string password;
    std::optional<renewal::PairIds> identity;
    std::optional<renewal::PairIds> bootstrap;

    bool any() const { return !username.empty() || identity || bootstrap; }
};

// [cert_issuance.<id>]
struct Issuance {
    Method method = Method::self_signed;
    int expiry_days = 30;
    // What the certificate's subject becomes; absent: as the request says.
    std::optional<pki::Subject> subject;
    std::optional<std::string> url;  // EST; a key of its own before [cert_issuance.est.urls]
    EstAuth auth;
    std::optional<renewal::Policy> auto_renew;  // by certd itself: local-ca and aziot-edged-ca
};

// [cert_issuance.est]
struct EstSettings {
    std::vector<std::string> trusted_certs;   // ids, trusted besides the system's store
    EstAuth auth;                             // where a certificate has none of its own
    std::map<std::string, std::string> urls;  // by certificate id, "default" for the rest
    renewal::Policy identity_auto_renew;      // of certificates got by bootstrap
};

// A preloaded certificate: a file, or the list of ids whose certificates it joins.
using Preloaded = std::variant<std::filesystem::path, std::vector<std::string>>;

struct Settings {
    std::filesystem::path home;  // homedir_path
    std::map<std::string, Issuance> issuance;
    EstSettings est;
    std::optional<renewal::PairIds> local_ca;  // [cert_issuance.local_ca]
    std::map<std::string, Preloaded> preloaded;
    Proxy proxy;
    Principals principals;
    Admission::Limits limits;

    // The entry of an id; the next certificate of an id ("<id>-temp") is issued like the one that it follows.
    const Issuance* issuance_of(const std::string& id) const;

    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object, const Paths& paths);
};

// "device-id" for "device-id-temp", else the id itself.
std::string_view without_temp(std::string_view id);

// Where and how a certificate is got by EST.
struct EstTarget {
    std::string url;  // "https://host[:port]/path", no slash at its end
    EstAuth auth;
};
// Errc::conflict when nothing says where the server is.
Result<EstTarget> est_target(const Settings& settings, const std::string& id);
// The same for a certificate that certd signs in with.
Result<EstTarget> est_target_of_identity(const Settings& settings, const renewal::PairIds& ids);

}  // namespace muster::edge::certd
