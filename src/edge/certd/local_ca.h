// Certificates from an authority of the device's own (method = "local_ca"): its certificate and key come from files, or
// certd makes them when they are first needed.
#pragma once

#include "base/random.h"
#include "edge/certd/est_issuer.h"

namespace muster::edge::certd {

// For use from one loop, which it blocks for keyd's answers. Everything given outlives it.
class LocalCa {
public:
    LocalCa(keyd::Client keys, KeyThreads& threads, EstIssuer& est, const Clock& clock, Random& random);

    // The chain, leaf first; not stored.
    Task<Result<pki::CertificateChain>> issue(CurrentPtr now, std::string id, pki::Csr request);
    // How the authority renews itself, when certd made it.
    renewal::Ways ways_to_renew(const CurrentSource& current, const renewal::PairIds& ids);
    // Called when there is an authority that was not there before.
    void on_new_authority(std::function<void()> call) { on_new_authority_ = std::move(call); }

private:
    using Chain = pki::CertificateChain;
    Task<Result<Chain>> authority(CurrentPtr now, renewal::PairIds ids);
    Task<Result<Chain>> make(CurrentPtr now, renewal::PairIds ids, std::string certificate, std::string key_id);
    Task<Result<Chain>> sign_own(CurrentPtr now, std::string id, const Issuance& own, pki::Csr request,
                                 const pki::PrivateKey& key);

    keyd::Client keys_;
    KeyThreads& threads_;
    EstIssuer& est_;
    const Clock& clock_;
    Random& random_;
    Admission one_making_;  // at a time
    std::function<void()> on_new_authority_;
};

}  // namespace muster::edge::certd
