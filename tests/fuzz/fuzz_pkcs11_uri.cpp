// PKCS #11 URIs of a configuration: parsed, or refused with a reason that never quotes a PIN.
// rooms: base pki edge/pkcs11
#include <cstdint>
#include <cstdlib>

#include "edge/pkcs11/uri.h"

namespace {

using namespace muster;
using edge::pkcs11::Uri;

void require(bool holds) {
    if (!holds) std::abort();
}

constexpr std::string_view pin = "hush-4711";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto uri = Uri::parse(text);
    if (!uri) {
        require(!uri.error().message().empty());
    } else {
        // The text that goes into messages selects the same.
        const auto shown = uri->text();
        if (shown != "any token") {
            const auto again = Uri::parse("pkcs11:" + shown);
            require(again.has_value());
            require(again->token == uri->token && again->serial == uri->serial && again->slot_id == uri->slot_id &&
                    again->object == uri->object && again->id == uri->id);
        }
        const auto base = Uri::parse("pkcs11:token=base?pin-value=1").value();
        require(uri->completed_by(base).object == uri->object);
    }
    // A PIN, whatever stands around it.
    const auto with_pin = Uri::parse(fmt::format("pkcs11:{}?pin-value={}", text, pin));
    if (with_pin) require(with_pin->text().find(pin) == std::string::npos || text.find(pin) != std::string::npos);
    if (!with_pin && text.find(pin) == std::string::npos)
        require((with_pin.error().chain() + with_pin.error().hint()).find(pin) == std::string::npos);
    return 0;
}
