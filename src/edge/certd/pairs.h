// certd's own certificates, with their keys in keyd: those that it signs in with at EST servers, and its own authority.
#pragma once

#include "edge/certd/certificate_files.h"
#include "edge/keyd/client.h"
#include "edge/renewal/pair.h"

namespace muster::edge::certd {

// Blocks its loop for the disk and for keyd's answers.
class Pairs final : public renewal::PairStore {
public:
    Pairs(CertificateFiles files, keyd::Client keys) : files_(std::move(files)), keys_(std::move(keys)) {}

    Task<Result<std::optional<pki::CertificateChain>>> certificate(std::string id) override;
    Task<Result<std::optional<pki::PublicKey>>> key(std::string id) override;
    Task<Result<>> put_certificate(std::string id, pki::CertificateChain chain) override;
    Task<Result<>> remove_certificate(std::string id) override;
    Task<Result<>> move_key(std::string from, std::string to) override;

    // The private half stays in keyd. Makes the pair when there is none.
    Task<Result<pki::PrivateKey>> make_key(std::string id, std::string preferred_algorithms);
    Task<Result<pki::PrivateKey>> use_key(std::string id);

private:
    CertificateFiles files_;
    keyd::Client keys_;
};

}  // namespace muster::edge::certd
