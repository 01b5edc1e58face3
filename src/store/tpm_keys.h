// Keys for the hub, wrapped for the TPMs of devices that attest by TPM.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "store/session.h"

namespace muster::store {

struct TpmKeyRecord {
    std::string registration_id;  // an individual enrollment's
    std::string storage_key;      // the name of the TPM's storage root key, hexadecimal
    std::string made_of;          // digest of the endorsement key and of what is wrapped: other ones are wrapped anew
    std::string wrapped_key;      // the activation blob, base64; a secret to none but that TPM
    bool proven = false;          // that TPM has answered a challenge
    TimePoint asked{};            // for a challenge
};

class TpmKeyTable {
public:
    // TPMs of one registration that asked and never proved themselves; the latest stay.
    static constexpr std::size_t max_unproven = 4;

    explicit TpmKeyTable(Session& session) : session_(session) {}
    Result<std::vector<TpmKeyRecord>> list(std::string_view registration_id);
    // Inserts or replaces.
    Result<> put(const TpmKeyRecord& record);
    // This one has proved itself; the others of the registration go.
    Result<> prove(std::string_view registration_id, std::string_view storage_key);
    Result<> erase(std::string_view registration_id);

private:
    Session& session_;
};

}  // namespace muster::store
