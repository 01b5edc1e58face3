// The CA that signs: read from the work directory, and refused before it signs what would not verify.
#pragma once

#include <string>

#include "base/clock.h"
#include "muster/cert/layout.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace muster::cli::cert {

struct Authority {
    pki::CertificateChain chain;  // the authority first, its root last
    pki::PrivateKey key;

    const pki::Certificate& certificate() const { return chain.front(); }
};

// `name`: "root", "intermediate", or the file prefix of another authority (iot-edge-device-ca-gw-1). Its certificate
// and key must be there, belong together, be an authority and be valid `now`; each error names the file and the command
// that mends it. `passphrase` is for a key made by the original scripts, which encrypt it.
Result<Authority> load_authority(const Layout& layout, const std::string& name, std::string_view passphrase,
                                 TimePoint now);

// A private key from a file; the error names it.
Result<pki::PrivateKey> load_key(const std::filesystem::path& path, std::string_view passphrase = {});
Result<pki::CertificateChain> load_chain(const std::filesystem::path& path);

}  // namespace muster::cli::cert
