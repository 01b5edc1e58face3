// A client of one EST server (RFC 7030): cacerts, csrattrs, simpleenroll, simplereenroll.
//
// Redirections are followed as section 3.2.1 has it: within the server's own origin always, to another origin for
// questions alone, without showing who we are. A request that met a network fault or a 5xx is sent again once.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "edge/certd/est_answer.h"
#include "edge/certd/est_attributes.h"
#include "net/http_client.h"
#include "net/proxy.h"
#include "pki/csr.h"

namespace muster::edge::certd {

struct EstServer {
    std::string url;                       // "https://host[:port]/path", no slash at its end
    std::vector<std::string> trusted_pem;  // authorities, trusted besides the system's store
    net::ProxyRules proxy;                 // for this host, and for those it sends us to
};

// Who we are: a name and password, a certificate with its key, both, or neither.
struct EstCredential {
    std::string username;
    std::string password;
    pki::CertificateChain chain;
    pki::EvpKey key;
};

class EstClient {
public:
    struct Pace {
        std::chrono::milliseconds connect{10'000};
        std::chrono::milliseconds request{30'000};
        std::chrono::milliseconds pause{2'000};  // before the second try
    };

    static Result<std::unique_ptr<EstClient>> create(EstServer server, EstCredential credential, Pace pace);

    // Errors of all: unavailable, timeout (network), unauthorized (refused, or the server is not trusted), throttled
    // (202 and 429: come again after wish()), unsupported (no such operation there), conflict (any other refusal, or an
    // answer that cannot be used).
    Task<Result<pki::CertificateChain>> ca_certificates();
    // None when the server has nothing to say.
    Task<Result<CsrAttributes>> csr_attributes();
    enum class Operation { enroll, reenroll };
    // As the server gave them, in no order that could be relied on.
    Task<Result<pki::CertificateChain>> enroll(Operation operation, Bytes request_der);

    std::chrono::seconds wish() const { return wish_; }

private:
    EstClient(EstServer server, std::string origin, std::string path, std::string authorization,
              std::shared_ptr<const net::ClientTls> anonymous, std::shared_ptr<net::HttpClient> http, Pace pace);
    Task<Result<net::HttpResponse>> send(std::string method, std::string operation, std::string body);
    Task<Result<net::HttpResponse>> send_following(net::HttpRequest request);
    Task<Result<net::HttpResponse>> ask_elsewhere(Redirection there);

    EstServer server_;
    std::string origin_;
    std::string path_;
    std::string authorization_;
    std::shared_ptr<const net::ClientTls> anonymous_;
    std::shared_ptr<net::HttpClient> http_;
    Pace pace_;
    std::chrono::seconds wish_{0};
};

}  // namespace muster::edge::certd
