// The persistent handles of a TPM that the device's keys have or may have.
#pragma once

#include <cstdint>
#include <string_view>

namespace muster::edge {

// Those that all of this trade use.
inline constexpr std::uint32_t endorsement_key_handle = 0x81010001;
inline constexpr std::uint32_t storage_root_key_handle = 0x81000001;
// Handles of the owner begin here; auth_key_index is added (Part 3, 28.5 of the TPM 2.0 Library).
inline constexpr std::uint32_t first_owner_handle = 0x81000000;

// The other key whose place the index would name; empty: none. The device's key would drive it out of the TPM.
constexpr std::string_view key_in_place_of(std::uint32_t auth_key_index) {
    const auto handle = first_owner_handle + auth_key_index;
    if (handle == storage_root_key_handle) return "the storage root key";
    if (handle == endorsement_key_handle) return "the endorsement key";
    return {};
}

}  // namespace muster::edge
