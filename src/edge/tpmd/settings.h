// tpmd's settings: /etc/aziot/tpmd/config.toml and config.d (facts/device.md 1.2, 2.2).
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "edge/service/admission.h"
#include "edge/service/settings.h"

namespace muster::edge::tpmd {

// Added to first_owner_handle.
inline constexpr std::uint32_t usual_auth_key_index = 0x000100;
inline constexpr std::uint32_t largest_auth_key_index = 0x7FFFFF;

struct Settings {
    std::string tcti = "device";  // as tpm2-tss names ways to a TPM: "device", "device:/dev/tpm0", "swtpm:port=2321"
    std::uint32_t auth_key_index = usual_auth_key_index;
    Secret endorsement_auth;  // of the hierarchies; empty where they have no password
    Secret owner_auth;
    Admission::Limits limits;  // max_requests

    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object);
};

}  // namespace muster::edge::tpmd
