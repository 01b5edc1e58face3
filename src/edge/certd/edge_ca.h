// The edge CA, "aziot-edged-ca", which signs for the device's modules. The container runtime asks for the first one (it
// makes the request, facts/device.md 6.1), and certd renews it: whoever issues, and whether or not the runtime runs.
#pragma once

#include "edge/certd/est_issuer.h"

namespace muster::edge::certd {

inline constexpr std::string_view edge_ca_id = "aziot-edged-ca";

// That what was issued for the request of an authority is one, and that those above it let it sign: Errc::conflict.
Result<> check_authority(const std::string& id, const pki::CertificateChain& chain);

// For use from one loop, which it blocks for keyd's answers. Everything given outlives it.
class EdgeCa {
public:
    // As certd issues for a request of that certificate.
    using Issue = std::function<Task<Result<pki::CertificateChain>>(CurrentPtr now, std::string id, pki::Csr request)>;

    EdgeCa(keyd::Client keys, KeyThreads& threads, EstIssuer& est, Issue issue)
        : keys_(std::move(keys)), threads_(threads), est_(est), issue_(std::move(issue)) {}

    // The pair; nothing when the settings leave it as it is (a file, no auto_renew).
    static std::optional<renewal::PairIds> renewed_by(const Settings& settings);
    // With the subject of the one before, and a key of its kind unless the issuer wants another.
    renewal::Ways ways_to_renew(const CurrentSource& current);

private:
    using Chain = pki::CertificateChain;
    Task<Result<Chain>> make_next(CurrentPtr now, std::string certificate, std::string key_id, Chain old);
    Task<std::string> key_preference(CurrentPtr now, std::string certificate, const pki::Certificate& old);

    keyd::Client keys_;
    KeyThreads& threads_;
    EstIssuer& est_;
    Issue issue_;
};

}  // namespace muster::edge::certd
