// Requests to the EST server: paths, HTTP Basic, certificate requests.
//
// The first line is "PATH AUTHORIZATION", the rest the body. Each is sent by a stranger with that Authorization header
// and by a device with a bootstrap certificate. No one may cause an internal error, and whoever gets a certificate gets
// one for its own key: for its own name, or an edge CA's.
// rooms: base pki net access store hub authority provisioning endpoints
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "musterd.h"
#include "pki/pkcs7.h"

namespace {

using namespace muster;
using fuzz::must;

[[noreturn]] void broken(std::string_view rule, const net::HttpResponse& response) {
    fmt::print(stderr, "{}: {} {}\n", rule, response.status, response.body);
    std::abort();
}

class EstServer {
public:
    EstServer() {
        musterd_.services.authority = &authority_services_;
        authority_.on_change([this] { return musterd_.groups.refresh(); });
        must(net::run_blocking(authority_.create({.name = "Fuzz"}, false, {})));
        const auto key = must(pki::PrivateKey::generate({}));
        const auto factory = musterd_.issue("Factory", pki::Profile::root_ca, key, nullptr);
        const auto leaf_key = must(pki::PrivateKey::generate({}));
        const pki::Issuer issuer{factory, key};
        device_.chain.push_back(musterd_.issue("dev1", pki::Profile::client, leaf_key, &issuer));
        device_.tls = true;
        must(musterd_.store->transact_now([&](store::Tx& tx) {
            return tx.enrollment_groups().put(
                {.id = "plant",
                 .etag = "e",
                 .body = R"({"attestation":{"type":"x509"},"provisioningStatus":"enabled","edgeCaIssuance":true})",
                 .primary_certificate = factory.der()});
        }));
        must(net::run_blocking(musterd_.groups.refresh()));
    }

    void look(std::string target, std::string_view authorization, std::string_view body) {
        for (const auto* peer : {&stranger_, &device_}) {
            for (const auto* method : {"POST", "GET"}) {
                net::HttpRequest request{.method = method, .target = target, .headers = {}, .body = std::string(body)};
                request.headers.add("Content-Type", "application/pkcs10");
                if (!authorization.empty()) request.headers.add("Authorization", std::string(authorization));
                check(net::run_blocking(handler_(request, *peer)), *peer, method, body);
            }
        }
    }

private:
    void check(const net::HttpResponse& response, const net::Peer& peer, std::string_view method,
               std::string_view body) {
        constexpr int not_implemented = 501;
        if (response.status < 200 || (response.status >= 500 && response.status != not_implemented))
            broken("no request causes an internal error", response);
        if (response.status != 200 || method != "POST") return;
        const auto certificates = pki::certificates_from_pkcs7_text(response.body);
        if (!certificates || certificates->size() != 1) broken("an answer holds one certificate", response);
        const auto& leaf = certificates->front();
        if (peer.chain.empty()) broken("a stranger gets no certificate", response);
        const auto asked = authority::read_certificate_request(body, authority::Wanted::device_or_edge_ca);
        if (!asked || !(must(leaf.public_key()) == asked->key)) broken("it is for its own key", response);
        if (leaf.is_ca() != asked->for_edge_ca) broken("it is a CA's for who asked for that alone", response);
        if (leaf.is_ca() && leaf.path_length() != 0) broken("an edge CA has no CA below it", response);
        if (!leaf.is_ca() && to_lower(leaf.common_name()) != "dev1")
            broken("a device gets one for its own name", response);
        // So that the next ones are not too many for one device.
        must(musterd_.store->transact_now([](store::Tx& tx) -> Result<> {
            MUSTER_CHECK(tx.issued_certificates().erase_ended(TimePoint::max()));
            return {};
        }));
    }

    static std::string to_lower(std::string text) {
        for (auto& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        return text;
    }

    fuzz::Musterd musterd_;
    authority::Authority authority_{
        *musterd_.store, musterd_.clock, musterd_.random, musterd_.directory.path / "authority", {}};
    authority::Certificates certificates_{*musterd_.store, authority_, musterd_.clock};
    authority::Passwords passwords_{*musterd_.store, musterd_.clock, musterd_.random};
    provisioning::CertificateEnrolment enrolment_{*musterd_.store, musterd_.groups, authority_, musterd_.clock};
    endpoints::AuthorityServices authority_services_{authority_, certificates_, passwords_, enrolment_};
    net::HttpHandler handler_ = endpoints::https_handler(musterd_.services);
    net::Peer device_;
    net::Peer stranger_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static EstServer server;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto line = text.substr(0, text.find('\n'));
    const auto space = std::min(line.find(' '), line.size());
    const auto body = text.substr(std::min(line.size() + 1, text.size()));
    server.look("/.well-known/est/" + std::string(line.substr(0, space)), line.substr(std::min(space + 1, line.size())),
                body);
    return 0;
}
