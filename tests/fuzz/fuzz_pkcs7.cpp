// Certificates in PKCS#7 from any server: read without harm, and what was read can be written and read again.
// rooms: base pki
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pki/pkcs7.h"

namespace {

using namespace muster;

void require(bool holds) {
    if (!holds) std::abort();
}

void look_through(const pki::CertificateChain& certificates) {
    require(!certificates.empty() && certificates.size() <= 100);
    for (const auto& certificate : certificates) require(certificate.common_name().find('\0') == std::string::npos);
    const auto written = pki::make_pkcs7(certificates);
    require(written.has_value());
    const auto again = pki::certificates_from_pkcs7(*written);
    require(again && again->size() == certificates.size());
    for (std::size_t i = 0; i < again->size(); ++i) require((*again)[i].der() == certificates[i].der());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto certificates = pki::certificates_from_pkcs7({data, size})) look_through(*certificates);
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto certificates = pki::certificates_from_pkcs7_text(text)) look_through(*certificates);
    return 0;
}
