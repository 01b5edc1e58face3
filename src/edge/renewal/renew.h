// One renewal: a new pair beside the old one, tried before it takes the old one's place.
#pragma once

#include <functional>

#include "edge/renewal/pair.h"
#include "edge/renewal/policy.h"

namespace muster::edge::renewal {

// What a renewal asks of the one who owns the certificate.
struct Ways {
    // Has a certificate issued and stored as `certificate`, for the key `key`, which it makes when there is none yet.
    // `old` is what it follows.
    std::function<Task<Result<pki::CertificateChain>>(std::string certificate, std::string key,
                                                      pki::CertificateChain old)>
        issue;
    // Uses the pair for what it is there for. Errc::unauthorized or conflict: it was refused; any other error says
    // nothing about the pair (no network, a busy service).
    std::function<Task<Result<>>(pki::CertificateChain chain, std::string key)> prove;
};

// The new certificate, in place; one that is not in date by `clock` (ten minutes of difference are allowed before its
// beginning), or ends no later than the old one, is refused (Errc::conflict) and not kept. When it fails, whatever the
// reason, the old pair is in place as it was; a new pair that could not be tried is kept for the next attempt, one that
// was refused is not.
Task<Result<pki::CertificateChain>> renew(PairStore& store, PairIds ids, bool rotate_key, Ways ways,
                                          const Clock& clock);

}  // namespace muster::edge::renewal
