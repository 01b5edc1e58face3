// PKCS#10 certification requests (RFC 2986).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pki/key.h"

// Not among the forward declarations of openssl/types.h.
using X509_REQ = struct X509_req_st;

namespace muster::pki {

using Subject = std::vector<std::pair<std::string, std::string>>;  // in order: {{"O", "Plant"}, {"CN", "dev-1"}}

struct X509ReqDeleter {
    void operator()(X509_REQ* request) const;
};

class Csr {
public:
    static Result<Csr> from_pem(std::string_view pem);
    static Result<Csr> from_der(ByteView der);
    // `extensions` are OpenSSL names and values: {"extendedKeyUsage", "clientAuth"}. `key` may be one whose private
    // half is elsewhere (keyd), as long as its EVP_PKEY can sign.
    static Result<Csr> create(const PrivateKey& key, const Subject& subject,
                              const std::vector<std::pair<std::string, std::string>>& extensions = {});

    std::string pem() const;
    Bytes der() const;
    std::string common_name() const;
    Result<PublicKey> public_key() const;
    // Proof of possession: the request is signed by its own key.
    bool signature_ok() const;
    X509_REQ* get() const { return request_.get(); }

private:
    explicit Csr(std::unique_ptr<X509_REQ, X509ReqDeleter> request) : request_(std::move(request)) {}
    std::unique_ptr<X509_REQ, X509ReqDeleter> request_;
};

}  // namespace muster::pki
