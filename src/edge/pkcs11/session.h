// One session with a token: finding objects, reading attributes, single operations. Internal to this room.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "edge/pkcs11/cryptoki.h"
#include "edge/pkcs11/token.h"

namespace muster::edge::pkcs11 {

// Attributes with their values, as the C API wants them.
class Template {
public:
    Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
    Template& boolean(CK_ATTRIBUTE_TYPE type, bool value);
    Template& bytes(CK_ATTRIBUTE_TYPE type, ByteView value);
    Template& text(CK_ATTRIBUTE_TYPE type, std::string_view value) { return bytes(type, as_bytes(value)); }

    CK_ATTRIBUTE* data() { return attributes_.data(); }
    CK_ULONG size() const { return attributes_.size(); }

private:
    std::deque<Secret> values_;  // places that do not move; some are keys
    std::vector<CK_ATTRIBUTE> attributes_;
};

// "label \"x\", id 01ab", for messages.
std::string text_of(const KeyName& name);

using Object = CK_OBJECT_HANDLE;

class Session {
public:
    // `pin` is for keys that ask for it at every use; may be null; both outlive the session.
    Session(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE handle, CK_SLOT_ID slot, const Secret* pin)
        : functions_(functions), handle_(handle), slot_(slot), pin_(pin) {}

    // A few at most: enough to tell none, one and several apart.
    Result<std::vector<Object>> find(Template& attributes) const;
    Result<std::vector<Object>> find(CK_OBJECT_CLASS kind, const KeyName& which) const;
    // The only one; nothing when there is none, Errc::conflict when there are several.
    Result<std::optional<Object>> find_one(CK_OBJECT_CLASS kind, const KeyName& which) const;

    // Nothing when the object has no such attribute, or keeps it to itself.
    Result<std::optional<Bytes>> attribute(Object object, CK_ATTRIBUTE_TYPE type) const;
    Result<CK_ULONG> number(Object object, CK_ATTRIBUTE_TYPE type) const;
    Result<> set(Object object, Template& attributes) const;
    Result<> destroy(Object object) const;
    Result<Object> create(Template& attributes) const;

    // Is there the mechanism, with all these flags (CKF_SIGN, ...)?
    bool supports(CK_MECHANISM_TYPE mechanism, CK_FLAGS flags) const;
    Result<Bytes> sign(CK_MECHANISM_TYPE mechanism, Object key, ByteView input) const;
    // What comes out is at most `room` bytes longer than what goes in.
    Result<Bytes> encrypt(CK_MECHANISM mechanism, Object key, ByteView input, std::size_t room) const;
    Result<Secret> decrypt(CK_MECHANISM mechanism, Object key, ByteView input) const;
    Result<> generate_pair(CK_MECHANISM_TYPE mechanism, Template& public_half, Template& private_half) const;
    Result<Object> generate_key(CK_MECHANISM_TYPE mechanism, Template& attributes) const;

    CK_SESSION_HANDLE handle() const { return handle_; }

private:
    Result<> give_pin_again(Object key) const;
    const CK_FUNCTION_LIST& functions_;
    CK_SESSION_HANDLE handle_;
    CK_SLOT_ID slot_;
    const Secret* pin_;
};

}  // namespace muster::edge::pkcs11
