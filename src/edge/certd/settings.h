// certd's settings: /etc/aziot/certd/config.toml and config.d (facts/device.md 2.2).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "edge/service/admission.h"
#include "edge/service/principals.h"
#include "edge/service/settings.h"
#include "pki/csr.h"

namespace muster::edge::certd {

enum class Method { self_signed, local_ca, est };

// [cert_issuance.<id>]
struct Issuance {
    Method method = Method::self_signed;
    int expiry_days = 30;
    // What the certificate's subject becomes; absent: as the request says.
    std::optional<pki::Subject> subject;
};

// A preloaded certificate: a file, or the list of ids whose certificates it joins.
using Preloaded = std::variant<std::filesystem::path, std::vector<std::string>>;

struct Settings {
    std::filesystem::path home;  // homedir_path
    std::map<std::string, Issuance> issuance;
    std::map<std::string, Preloaded> preloaded;
    Principals principals;
    Admission::Limits limits;

    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object, const Paths& paths);
};

}  // namespace muster::edge::certd
