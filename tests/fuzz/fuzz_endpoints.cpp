// Requests to every API of musterd, its services and its store below: registrations, enrollments, devices, modules.
//
// The first line is "METHOD TARGET", the rest the body. Each is sent by nobody, by a device that an enrollment knows,
// and by an operator with every right. Nobody may get anything, no one may cause an internal error, and whatever is
// answered is JSON.
// rooms: base pki net access store hub provisioning endpoints
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "musterd.h"
#include "wire/sas.h"

namespace {

using namespace muster;
using fuzz::must;

[[noreturn]] void broken(std::string_view rule, std::string_view who, const net::HttpResponse& response) {
    fmt::print(stderr, "{}: {} got {} {}\n", rule, who, response.status, response.body);
    std::abort();
}

class Fleet {
public:
    Fleet() {
        const auto key = must(pki::PrivateKey::generate({}));
        device_.chain.push_back(musterd_.issue("dev1", pki::Profile::client, key, nullptr));
        device_.tls = true;
        const json::object enrollment{
            {"registrationId", "dev1"},
            {"capabilities", {{"iotEdge", true}}},
            {"attestation",
             {{"type", "x509"},
              {"x509", {{"clientCertificates", {{"primary", {{"certificate", device_.chain[0].pem()}}}}}}}}}};
        const auto put = call({.method = "PUT",
                               .target = "/enrollments/dev1?api-version=2021-10-01",
                               .headers = owner_headers(),
                               .body = json::serialize(enrollment)},
                              {});
        if (put.status != 200) broken("the enrollment is made", "the owner", put);
        const auto target = fmt::format("/{}/registrations/dev1/register?api-version=2021-06-01", fuzz::Musterd::scope);
        const auto registered = as_device("PUT", target, "");
        if (registered.status != 202) broken("the device registers", "the device", registered);
    }

    net::HttpResponse as_nobody(std::string_view method, std::string target, std::string_view body) {
        return call(
            {.method = std::string(method), .target = std::move(target), .headers = {}, .body = std::string(body)}, {});
    }
    net::HttpResponse as_device(std::string_view method, std::string target, std::string_view body) {
        return call(
            {.method = std::string(method), .target = std::move(target), .headers = {}, .body = std::string(body)},
            device_);
    }
    net::HttpResponse as_owner(std::string_view method, std::string target, std::string_view body,
                               std::string_view if_match) {
        return call({.method = std::string(method),
                     .target = std::move(target),
                     .headers = owner_headers(if_match),
                     .body = std::string(body)},
                    {});
    }

private:
    net::HttpResponse call(net::HttpRequest request, const net::Peer& peer) {
        return net::run_blocking(handler_(request, peer));
    }
    net::Headers owner_headers(std::string_view if_match = {}) {
        net::Headers headers;
        headers.add("Authorization", token_);
        if (!if_match.empty()) headers.add("If-Match", std::string(if_match));
        return headers;
    }

    fuzz::Musterd musterd_;
    net::HttpHandler handler_ = endpoints::https_handler(musterd_.services);
    std::string token_ =
        wire::make_sas(fuzz::Musterd::hub_name, musterd_.policies.current()->find("owner")->primary_key.bytes(),
                       "owner", musterd_.clock.now() + std::chrono::hours(1));
    net::Peer device_;
};

void check(std::string_view who, const net::HttpResponse& response) {
    if (response.status < 200 || response.status >= 500) broken("no request causes an internal error", who, response);
    if (response.headers.get("Content-Type").starts_with("application/json") && !parse_json(response.body)) {
        broken("what is answered is JSON", who, response);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static Fleet fleet;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto line = text.substr(0, text.find('\n'));
    const auto space = line.find(' ');
    if (space == std::string_view::npos || space == 0) return 0;
    const auto method = line.substr(0, space);
    const std::string target(line.substr(space + 1));
    if (!target.starts_with('/')) return 0;
    const auto body = text.substr(std::min(line.size() + 1, text.size()));

    const auto refused = fleet.as_nobody(method, target, body);
    check("nobody", refused);
    if (refused.status < 400 && refused.body != "the CA") broken("nobody gets anything", "nobody", refused);
    check("the device", fleet.as_device(method, target, body));
    check("the owner", fleet.as_owner(method, target, body, ""));   // creates
    check("the owner", fleet.as_owner(method, target, body, "*"));  // changes
    return 0;
}
