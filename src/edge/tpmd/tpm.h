// What tpmd has the TPM do (facts/device.md 3.6): its two keys, and an authentication key that DPS wraps for them.
#pragma once

#include "edge/common/tpm_handles.h"
#include "edge/tpmd/settings.h"

namespace muster::edge::tpmd {

// Blocking, up to seconds each; from one thread at a time. Errors: unavailable, the TPM is out of reach;
// invalid_argument, bytes that are no such key, or one for another TPM; not_found, no authentication key yet; else
// internal with the TPM's own words.
class Tpm {
public:
    explicit Tpm(Settings settings) : settings_(std::move(settings)) {}

    struct Keys {
        Bytes endorsement;  // TPM2B_PUBLIC
        Bytes storage_root;
    };
    // Makes them, for good, where there are none.
    Result<Keys> keys() const;
    // Takes the key in place of the one before, which stays when this one is not for this TPM.
    Result<> import_auth_key(ByteView blob) const;
    // HMAC-SHA256 with that key.
    Result<Bytes> sign_with_auth_key(ByteView data) const;
    // HMAC-SHA256 with a key that is forgotten at once: a challenge is answered so, and the key in force stays.
    Result<Bytes> sign_with_wrapped_key(ByteView blob, ByteView data) const;

private:
    std::uint32_t auth_key_handle() const { return first_owner_handle + settings_.auth_key_index; }
    Settings settings_;
};

}  // namespace muster::edge::tpmd
