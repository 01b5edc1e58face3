// The C API of PKCS #11 v2.40 as p11-kit's header has it, and its return values as errors. Internal to this room.
//
// The header writes the standard's names through macros that it takes back at its end.
#pragma once

#include <p11-kit/pkcs11.h>

#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::edge::pkcs11 {

// "CKR_PIN_INCORRECT"; the number in hexadecimal for one that the standard does not know.
std::string name_of(CK_RV value);

// What failed, as an error: "cannot log in: CKR_PIN_INCORRECT". Its number() is the return value; its hint mends what
// can be mended. Codes: unauthorized never (callers take that for a refusal of theirs); invalid_argument for what the
// caller gave, unsupported for what the token cannot do, unavailable for everything about the token.
Error failure(std::string_view what, CK_RV value);
inline Result<> check(std::string_view what, CK_RV value) {
    if (value == CKR_OK) return {};
    return fail(failure(what, value));
}

// The session or the token is not what it was: a fresh session may serve.
bool needs_fresh_session(const Error& error);
// The PIN was refused: another attempt would count against the token's few.
bool is_pin_refusal(const Error& error);
// The token does not do that, with this key or at all.
bool is_inability(const Error& error);
// The object, or every object of the token, is not to be changed.
bool forbids_change(const Error& error);

}  // namespace muster::edge::pkcs11
