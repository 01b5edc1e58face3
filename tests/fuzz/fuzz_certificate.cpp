// Certificates from anybody, in every form that enrollment bodies carry: read without harm, whatever they hold.
// rooms: base pki
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pki/certificate.h"

namespace {

using muster::pki::Certificate;

// Asks everything that the service and the command line ask of a certificate.
void look_through(const Certificate& certificate) {
    (void)certificate.subject();
    (void)certificate.issuer();
    (void)certificate.serial_hex();
    (void)certificate.version();
    (void)certificate.not_before();
    (void)certificate.is_ca();
    (void)certificate.path_length();
    (void)certificate.is_self_issued();
    (void)certificate.subject_key_id();
    (void)certificate.authority_key_id();
    (void)certificate.dns_names();
    (void)certificate.issuer_der();
    (void)certificate.subject_der();
    if (certificate.common_name().find('\0') != std::string::npos) std::abort();
    if (certificate.sha1_thumbprint().size() != 40 || certificate.sha256_thumbprint().size() != 64) std::abort();
    if (const auto key = certificate.public_key()) {
        (void)key->spec();
        (void)key->spki_der();
        (void)key->verify({}, {});
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto certificate = Certificate::from_any(text);
    if (!certificate) return 0;
    look_through(*certificate);
    // What was read can be written, and read again as the same certificate.
    const auto again = Certificate::from_pem(certificate->pem());
    if (!again || again->sha256_fingerprint() != certificate->sha256_fingerprint()) std::abort();
    return 0;
}
