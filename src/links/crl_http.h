// Revocation lists fetched over HTTP and HTTPS. A list is signed, so plain HTTP is as good, and what most CAs publish
// over (RFC 5280 section 8). Redirects are not followed: the operator names the address that has the list.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include "provisioning/crl_fetcher.h"

namespace muster::links {

class CrlHttp final : public provisioning::CrlFetcher {
public:
    // Everything is done on the executor's thread, reading the list included, whoever asks: large ones cost the fronts
    // nothing.
    explicit CrlHttp(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

    // Within 10 s for the connection and 60 s for the answer, of at most 24 MiB.
    Task<Result<pki::RevocationList>> fetch(std::string url, std::string certificates) override;

private:
    boost::asio::any_io_executor executor_;
};

}  // namespace muster::links
