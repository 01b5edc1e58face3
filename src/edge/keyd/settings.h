// keyd's settings: /etc/aziot/keyd/config.toml and config.d (facts/device.md 2.2).
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "edge/keyd/token_keys.h"
#include "edge/service/admission.h"
#include "edge/service/principals.h"
#include "edge/service/settings.h"

namespace muster::edge::keyd {

struct Settings {
    std::filesystem::path home;  // [aziot_keys] homedir_path
    std::map<std::string, std::filesystem::path> preloaded;
    TokenSettings tokens;  // the other keys of [aziot_keys], and the preloaded keys with pkcs11: URIs
    // How long a token may take for an answer: [aziot_keys] pkcs11_timeout_sec, a key of ours, 1 to 55, since whoever
    // asks waits a minute. More than that, which `iotedge config apply` once took, counts as 55.
    std::chrono::milliseconds token_patience{50'000};
    Principals principals;
    Admission::Limits limits;  // max_requests

    bool uses_tokens() const { return tokens.base || !tokens.preloaded.empty(); }

    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object, const Paths& paths);
};

}  // namespace muster::edge::keyd
