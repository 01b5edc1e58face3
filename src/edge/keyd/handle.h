// Key handles: what a caller holds instead of a key (facts/device.md 3.3).
//
// "sr=<base64 of {"key_id":{...},"nonce":...}>&sig=<base64 HMAC-SHA256>", form-encoded; opaque to everyone but keyd,
// which made the signature with a key of its own. A handle never expires and is a capability: whoever was given it may
// use the key, which is how identityd lets a module's host sign with the module's derived key.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/random.h"

#include "base/error.h"

namespace muster::edge::keyd {

// The key that a handle stands for.
struct KeyRef {
    enum class Kind { key, key_pair, derived };
    Kind kind = Kind::key;
    std::string id;    // of a derived key: of its base
    Bytes derivation;  // derived keys only

    bool operator==(const KeyRef&) const = default;
};

std::string make_handle(const KeyRef& key, const Secret& validation_key, Random& random);
// Errc::invalid_argument when it is not a handle of this keyd.
Result<KeyRef> open_handle(std::string_view handle, const Secret& validation_key);

}  // namespace muster::edge::keyd
