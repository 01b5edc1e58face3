// Certificates for the tests, made anew in each run.
#pragma once

#include <string>

#include "pki/certificate.h"
#include "pki/issue.h"
#include "pki/key.h"

namespace muster::net {

struct Identity {
    pki::CertificateChain chain;  // leaf first
    pki::PrivateKey key;

    std::string chain_pem() const { return pki::to_pem(chain); }
    std::string key_pem() const;
};

struct Dates {
    int from_days = -1;
    int to_days = 30;
};

// A self-signed authority.
Identity make_authority(const std::string& name, const std::string& key = "ec:p256");
// A certificate of `profile` issued by `issuer`, with the issuer's chain behind it.
Identity make_identity(const Identity& issuer, pki::Profile profile, const std::string& name,
                       const std::string& key = "ec:p256", Dates dates = {});
Identity make_self_signed(const std::string& name);

}  // namespace muster::net
