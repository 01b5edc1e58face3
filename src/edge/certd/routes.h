// certd's HTTP API (facts/device.md 3.4).
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>
#include <mutex>

#include "base/clock.h"
#include "base/random.h"
#include "edge/certd/certificate_files.h"
#include "edge/certd/settings.h"
#include "edge/keyd/client.h"
#include "edge/service/router.h"

namespace muster::edge::certd {

// The blocking half of certd; its operations come from one worker thread.
class Certificates {
public:
    Certificates(Settings settings, keyd::Client keys, const Clock& clock, Random& random);

    // Issuance, preloaded certificates and principals change at once.
    void set_settings(Settings settings);

    Result<std::string> create(const Call& call) const;
    Result<std::string> import(uid_t uid, const std::string& id, const std::string& pem) const;
    Result<std::string> load(const std::string& id) const;
    Result<> remove(uid_t uid, const std::string& id) const;

private:
    struct Current {
        Settings settings;
        CertificateFiles files;
    };
    std::shared_ptr<const Current> current() const;
    Result<std::string> sign_as(const Current& now, const Call& call, const pki::Csr& csr) const;
    Result<std::string> sign_by_itself(const Issuance& issuance, const std::string& id, const pki::Csr& csr) const;
    Result<std::string> sign_by_issuer(const Current& now, const json::object& issuer, const pki::Csr& csr) const;

    keyd::Client keys_;
    const Clock& clock_;
    Random& random_;
    mutable std::mutex mutex_;  // guards current_ alone
    std::shared_ptr<const Current> current_;
};

// `certificates` and `worker` outlive the router.
std::unique_ptr<Router> make_router(Certificates& certificates, boost::asio::io_context& worker,
                                    Admission::Limits limits);

}  // namespace muster::edge::certd
