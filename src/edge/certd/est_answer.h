// What an EST server says (RFC 7030), read without I/O: whoever answers may be hostile or broken.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"
#include "pki/certificate.h"

namespace muster::edge::certd {

// The certificates of a 200 to /cacerts, /simpleenroll or /simplereenroll (sections 4.1.3, 4.2.3): content type
// application/pkcs7-mime, base64. Errc::conflict says what is wrong with the answer.
Result<pki::CertificateChain> read_certificates(const net::HttpResponse& response);

// What an authority gave, as a TLS client presents it: the certificate of `key` first, each issuer after what it
// signed, as far as there are issuers among `issued` and `authorities`. Errc::conflict when none is of `key`, or when
// its signature is not its issuer's.
Result<pki::CertificateChain> arrange(const pki::CertificateChain& issued, const pki::CertificateChain& authorities,
                                      const pki::PublicKey& key);

// Retry-After (section 4.2.3, RFC 9110 section 10.2.3), in seconds, 1 s to a day; a date or none counts as a minute.
std::chrono::seconds retry_wish(const net::HttpResponse& response);

// "<what>: HTTP 401: reason", with the answer's text as far as it is text. Codes: throttled (202, 429), unavailable
// (5xx but 501), unauthorized (401, 403), unsupported (404, 405, 501), conflict (the rest).
Error est_refusal(std::string_view what, const net::HttpResponse& response);

// "https://host[:port]" of a URL of that scheme, in the one form that can be compared.
std::string origin_of(std::string_view url);

// Where a redirection leads (section 3.2.1).
struct Redirection {
    std::string origin;  // "https://host[:port]"
    std::string path;    // "/.well-known/est/cacerts"
};
// From `base`, an origin. Errc::conflict for anything but https and for what is no address.
Result<Redirection> redirection(const std::string& base, const net::HttpResponse& response);

}  // namespace muster::edge::certd
