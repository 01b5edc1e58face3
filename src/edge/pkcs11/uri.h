// PKCS #11 URIs (RFC 7512): which token, which object in it, and where the PIN is.
//
// "pkcs11:token=edge;object=device-id?pin-value=1234". Attributes of the path select; those that are absent match
// everything. An attribute that is unknown, or given twice, is an error: ignored, it would select another key than was
// meant.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"

namespace muster::edge::pkcs11 {

struct Uri {
    // Of the token (CK_TOKEN_INFO).
    std::optional<std::string> token, manufacturer, serial, model;
    // Of its slot; `slot_id` is not stable with every library.
    std::optional<std::uint64_t> slot_id;
    std::optional<std::string> slot_manufacturer, slot_description;
    // Of the library (CK_INFO); the version is "2" or "2.6".
    std::optional<std::string> library_manufacturer, library_description, library_version;
    // Of the object: CKA_LABEL, CKA_ID, and its class ("private", "public", "secret-key", "cert", "data").
    std::optional<std::string> object;
    std::optional<Bytes> id;
    std::optional<std::string> type;
    // The library, which must be the one of [aziot_keys].
    std::optional<std::string> module_path;
    // The PIN itself, or the absolute path of a file that holds it.
    std::shared_ptr<const Secret> pin_value;
    std::optional<std::filesystem::path> pin_source;

    // Errc::invalid_argument; the message is the end of a sentence about the URI and never quotes a PIN.
    static Result<Uri> parse(std::string_view text);

    // With what it leaves out taken from the base slot's URI: the token, when it names none, and the PIN of that token.
    Uri completed_by(const Uri& base) const;
    // The token alone, without the object in it.
    Uri of_token() const;
    // Whether both select a token, and log in to it, by the same words.
    bool same_token(const Uri& other) const;
    bool names_object() const { return object.has_value() || id.has_value(); }
    // The token and the object alone, for messages: "token=edge;object=device-id".
    std::string text() const;
    // Nothing when the URI has none. Reads the file of pin_source; one newline at its end is no part of the PIN.
    Result<std::optional<Secret>> pin() const;
};

// "pkcs11:" in any case: is it such a URI at all?
bool is_uri(std::string_view text);

}  // namespace muster::edge::pkcs11
