// Where revocation lists come from that the service fetches by itself. Implemented where there are sockets.
#pragma once

#include <string>

#include "base/task.h"
#include "pki/crl.h"

namespace muster::provisioning {

class CrlFetcher {
public:
    virtual ~CrlFetcher() = default;
    // The list at an address that check_crl_url has let through. `certificates` (PEM): what an https server must chain
    // to; empty: the operating system's store. Not judged yet. Errors: Errc::unavailable, timeout, unauthorized (its
    // certificate), too_large, io for another answer than 200, invalid_argument for what is no revocation list.
    virtual Task<Result<pki::RevocationList>> fetch(std::string url, std::string certificates) = 0;
};

// Errc::invalid_argument unless it is http or https with a host and without a user, at most 2048 bytes, without spaces
// and control characters.
Result<> check_crl_url(std::string_view url);

}  // namespace muster::provisioning
