// Shared access signatures: "SharedAccessSignature sr={resource}&sig={signature}&se={expiry}[&skn={policy}]".
//
// The signature is HMAC-SHA256 with the base64-decoded key over `sr` exactly as the client wrote it, a newline and `se`
// (facts: every SDK encodes `sr` in its own way, so the presented text is what was signed).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace muster::wire {

struct SasToken {
    std::string resource_as_presented;  // what was signed, still encoded
    std::string resource;               // percent-decoded
    Bytes signature;
    std::int64_t expiry = 0;  // seconds since the epoch
    std::string expiry_as_presented;
    std::string policy;  // decoded `skn`; empty when absent

    // The parameters may come in any order; unknown ones are ignored. Errc::unauthorized when it is not a token.
    static Result<SasToken> parse(std::string_view text);
    // Whether `key` (decoded) made the signature; constant time.
    bool signed_by(ByteView key) const;
    bool expired(TimePoint now, std::chrono::seconds skew = std::chrono::seconds(60)) const;
};

// A token in the making, for a key that is elsewhere: whoever holds the key signs text() with HMAC-SHA256.
class SasDraft {
public:
    // `resource` as in make_sas.
    SasDraft(std::string_view resource, std::string_view policy, TimePoint expiry);
    std::string text() const;
    std::string finish(ByteView signature) const;  // the token

private:
    std::string resource_;  // encoded
    std::string policy_;    // encoded; may be empty
    std::string expiry_;
};

// A token for `resource` ("host" or "scope/registrations/id"), percent-encoded as `sr`.
std::string make_sas(std::string_view resource, ByteView key, std::string_view policy, TimePoint expiry);

struct ConnectionString {
    std::string host;       // "muster.example" or "muster.example:8443"
    std::string policy;     // SharedAccessKeyName
    Secret key;             // decoded
    std::string device_id;  // of a device's string
    std::string module_id;

    // "HostName=h;SharedAccessKeyName=p;SharedAccessKey=k" in any order, names without case. The error names the part
    // that is missing or wrong and never shows the key.
    static Result<ConnectionString> parse(std::string_view text);
};

}  // namespace muster::wire
