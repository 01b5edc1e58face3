// The little DER (X.690) that tokens and the rest of the world do not agree on. Internal to this room.
#pragma once

#include <initializer_list>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::edge::pkcs11::der {

Bytes sequence(std::initializer_list<ByteView> parts);
Bytes integer(ByteView big_endian);  // unsigned
Bytes bit_string(ByteView bytes);
// The content of the one OCTET STRING that `der` is, else `der` itself: some tokens leave the wrapping out.
ByteView octet_string_content(ByteView der);

// SubjectPublicKeyInfo (RFC 5480, RFC 3279): `parameters` is CKA_EC_PARAMS, the point is as RFC 5480 2.2 has it.
Bytes ec_public_key(ByteView parameters, ByteView point);
Bytes rsa_public_key(ByteView modulus, ByteView exponent);
// A token's r and s, one after the other, as ECDSA-Sig-Value. Errc::internal when it has no two halves.
Result<Bytes> ecdsa_signature(ByteView r_and_s);

}  // namespace muster::edge::pkcs11::der
