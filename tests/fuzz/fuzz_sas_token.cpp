// Shared access signatures and connection strings from anybody: parsed without harm, and what parses holds together.
// rooms: base wire
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "wire/sas.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace muster;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto token = wire::SasToken::parse(text)) {
        const Bytes key{1, 2, 3, 4};
        // Nobody who does not know the key has made this signature.
        if (token->signed_by(key) && token->signature.size() != 32) std::abort();
        const TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
        (void)token->expired(now);
        // What we make of it ourselves is a token again, and is signed; unless encoding makes it longer than one may
        // be.
        if (token->resource.size() + token->policy.size() > 1000) return 0;
        const auto again = wire::SasToken::parse(wire::make_sas(token->resource, key, token->policy, now));
        if (!again || !again->signed_by(key) || again->resource != token->resource || again->policy != token->policy) {
            std::abort();
        }
    }
    (void)wire::ConnectionString::parse(text);
    return 0;
}
