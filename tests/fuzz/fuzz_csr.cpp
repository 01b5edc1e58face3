// Certificate requests from anybody (EST, DPS, modules): read without harm.
// rooms: base pki
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pki/csr.h"

namespace {

void look_through(const muster::pki::Csr& request) {
    if (request.common_name().find('\0') != std::string::npos) std::abort();
    (void)request.signature_ok();
    if (const auto key = request.public_key()) (void)key->spec();
    // What was read can be written, and read again as the same request.
    const auto again = muster::pki::Csr::from_pem(request.pem());
    if (!again || again->der() != request.der()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto request = muster::pki::Csr::from_der({data, size})) look_through(*request);
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto request = muster::pki::Csr::from_pem(text)) look_through(*request);
    return 0;
}
