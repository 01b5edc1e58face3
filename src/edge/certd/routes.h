// certd's HTTP API (facts/device.md 3.4).
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/random.h"
#include "edge/certd/current.h"
#include "edge/certd/keepers.h"
#include "edge/service/router.h"

namespace muster::edge::certd {

// What certd does, without HTTP. Two loops share the work: `worker` reads and writes certificates; `issuing` issues
// them, which may wait long for a server.
class Certificates {
public:
    Certificates(Settings settings, keyd::Client keys, const Clock& clock, Random& random,
                 boost::asio::io_context& issuing);

    // Issuance, preloaded certificates and principals change at once. Any thread.
    void set_settings(Settings settings);
    // Renews what is certd's to renew from now on.
    void start() { keepers_.look(); }

    Task<Result<std::string>> create(Call call);                // on `issuing`
    Task<Result<std::string>> preferred_algorithms(Call call);  // on `issuing`
    Result<std::string> import(uid_t uid, const std::string& id, const std::string& pem);
    Result<std::string> load(const std::string& id) const;
    Result<> remove(uid_t uid, const std::string& id) const;

private:
    using Chain = pki::CertificateChain;
    CurrentPtr current() const;
    Task<Result<Chain>> issue(CurrentPtr now, std::string id, pki::Csr csr);
    Task<Result<Chain>> issue_by_settings(CurrentPtr now, std::string id, pki::Csr csr);
    // These block, for as long as keyd takes for a signature.
    Result<Chain> sign_by_itself(const Issuance& issuance, const std::string& id, const pki::Csr& csr) const;
    Result<Chain> sign_by_issuer(const Current& now, const json::object& issuer, const pki::Csr& csr) const;
    Result<pki::PrivateKey> key_of_request(const std::string& id, const pki::Csr& csr) const;

    keyd::Client keys_;
    const Clock& clock_;
    Random& random_;
    mutable std::mutex mutex_;  // guards current_ alone
    CurrentPtr current_;
    KeyThreads threads_;
    EstIssuer est_;
    LocalCa local_ca_;
    EdgeCa edge_ca_;
    Keepers keepers_;
};

struct Loops {
    boost::asio::io_context& worker;
    boost::asio::io_context& issuing;
};

// Everything given outlives the router.
std::unique_ptr<Router> make_router(Certificates& certificates, Loops loops, Admission::Limits limits);

}  // namespace muster::edge::certd
