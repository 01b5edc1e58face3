// Revocation lists that operators upload: read without harm, and never half.
// rooms: base pki
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pki/crl.h"

namespace {

void look_through(const muster::pki::RevocationList& list) {
    (void)list.issuer();
    (void)list.issuer_der();
    (void)list.next_update();
    if (list.find("no serial")) std::abort();
    const auto again = muster::pki::RevocationList::from_der(list.der());
    if (!again || again->size() != list.size() || again->this_update() != list.this_update()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (const auto list = muster::pki::RevocationList::from_der({data, size})) look_through(*list);
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto list = muster::pki::RevocationList::from_any(text)) look_through(*list);
    return 0;
}
