// A certificate from a request (facts/device.md 5.1), with the original's defects mended: random serials, five minutes
// for clocks that differ, basicConstraints always there, an issuer that must be an authority.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/random.h"
#include "pki/certificate.h"
#include "pki/csr.h"

namespace muster::edge::certd {

struct IssueOptions {
    std::optional<pki::Subject> subject;  // absent: the request's
    int expiry_days = 30;                 // cut to the issuer's end
    TimePoint now;
};

// Who signs: an authority's certificate and its key, or (certificate absent) the requester itself.
struct Signer {
    std::optional<pki::Certificate> certificate;
    const pki::PrivateKey& key;
};

// Copies the request's extensions (but key identifiers, which follow from the keys). The request must be signed by its
// own key. Errc::invalid_argument says what is wrong with the request or the issuer.
Result<pki::Certificate> issue_from_request(const pki::Csr& csr, const IssueOptions& options, const Signer& signer,
                                            Random& random);

}  // namespace muster::edge::certd
