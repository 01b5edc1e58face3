// Chains as a TLS client may present them, judged against anchors out of the same hands: the search ends, and what it
// calls sound hangs together.
// rooms: base pki
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pki/path.h"

namespace {

using namespace muster;
using namespace muster::pki;

void judge(const CertificateChain& presented, const CertificateChain& trusted, PathOptions options) {
    const FindAnchors all = [&trusted](const Certificate&) { return trusted; };
    const PathResult cold = validate_client_path(presented, all, options);
    if (cold.ok()) {
        if (cold.path.empty() || cold.path.front().get() != presented.front().get()) std::abort();
        if (cold.path.size() > options.max_length) std::abort();
    } else if (cold.explanation.empty() || (!cold.path.empty() && cold.at >= cold.path.size())) {
        std::abort();
    }
    // Remembered signatures make it quicker, never different.
    VerifiedSignatures verified(16);
    options.verified = &verified;
    for (int round = 0; round < 2; ++round) {
        if (validate_client_path(presented, all, options).fault != cold.fault) std::abort();
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto chain = parse_chain(std::string_view(reinterpret_cast<const char*>(data), size));
    if (!chain) return 0;
    const TimePoint now = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1);
    judge(*chain, {}, {.now = now});
    judge(*chain, {chain->back()}, {.now = now});
    judge(*chain, *chain, {.now = now, .purpose = Purpose::any});
    judge({chain->front()}, *chain, {.now = now, .max_length = 3, .purpose = Purpose::tls_server});
    return 0;
}
