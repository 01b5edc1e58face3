#include "edge/certd/est_client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"

namespace muster::edge::certd {
namespace {

constexpr int most_redirections = 5;
constexpr std::size_t largest_answer = 512 * 1024;
constexpr std::size_t line_width = 64;

bool is_redirection(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool may_pass(const Result<net::HttpResponse>& response) {
    if (response) return response->status >= 500 && response->status != 501;
    return response.error().code() == Errc::unavailable || response.error().code() == Errc::timeout;
}

Task<> pause(std::chrono::milliseconds time) {
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, time);
    co_await timer.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
}

// RFC 7030 section 4.2.1: base64 of the DER; in lines, as RFC 2045 wants them and some servers insist.
std::string body_of(ByteView der) {
    const auto text = base64_encode(der);
    std::string lines;
    for (std::size_t at = 0; at < text.size(); at += line_width) lines.append(text, at, line_width).append("\r\n");
    return lines;
}

std::string authorization_of(const EstCredential& credential) {
    if (credential.username.empty()) return {};
    return "Basic " + base64_encode(as_bytes(credential.username + ":" + credential.password));
}

net::ClientOptions options_for(std::string_view origin, const net::ProxyRules& proxy, const EstClient::Pace& pace) {
    net::ClientOptions options;
    options.connect = pace.connect;
    options.request = pace.request;
    options.body_bytes = largest_answer;
    options.proxy = proxy.on_the_way_to(net::host_of(origin));
    return options;
}

}  // namespace

EstClient::EstClient(EstServer server, std::string origin, std::string path, std::string authorization,
                     std::shared_ptr<const net::ClientTls> anonymous, std::shared_ptr<net::HttpClient> http, Pace pace)
    : server_(std::move(server)),
      origin_(std::move(origin)),
      path_(std::move(path)),
      authorization_(std::move(authorization)),
      anonymous_(std::move(anonymous)),
      http_(std::move(http)),
      pace_(pace) {}

Result<std::unique_ptr<EstClient>> EstClient::create(EstServer server, EstCredential credential, Pace pace) {
    constexpr std::string_view scheme = "https://";
    const auto slash = server.url.find('/', scheme.size());
    auto origin = origin_of(server.url);
    auto path = slash == std::string::npos ? std::string() : server.url.substr(slash);
    auto anonymous = std::make_shared<net::ClientTls>();
    anonymous->extra_ca_pem = server.trusted_pem;
    auto tls = std::make_shared<net::ClientTls>();
    tls->extra_ca_pem = server.trusted_pem;
    tls->chain = std::move(credential.chain);
    tls->key = std::move(credential.key);
    MUSTER_TRY(auto http, net::HttpClient::create(origin, std::move(tls), options_for(origin, server.proxy, pace)));
    return std::unique_ptr<EstClient>(new EstClient(std::move(server), std::move(origin), std::move(path),
                                                    authorization_of(credential), std::move(anonymous), std::move(http),
                                                    pace));
}

Task<Result<net::HttpResponse>> EstClient::ask_elsewhere(Redirection there) {
    MUSTER_CO_TRY(const auto http,
                  net::HttpClient::create(there.origin, anonymous_, options_for(there.origin, server_.proxy, pace_)));
    net::HttpRequest request;
    request.method = "GET";
    request.target = std::move(there.path);
    request.headers.add("Accept", "*/*");
    co_return co_await http->send(std::move(request));
}

Task<Result<net::HttpResponse>> EstClient::send_following(net::HttpRequest request) {
    for (int hops = 0; hops <= most_redirections; ++hops) {
        MUSTER_CO_TRY(auto response, co_await http_->send(request));
        if (!is_redirection(response.status)) co_return response;
        MUSTER_CO_TRY(auto there, redirection(origin_, response));
        const bool question = request.method == "GET";
        if (there.origin == origin_) {
            if (!question && response.status == 303)
                co_return fail(Errc::conflict, "the server redirects an enrolment to a page to look at (303)");
            request.target = std::move(there.path);
            continue;
        }
        if (!question)
            co_return fail(
                Error(Errc::conflict, fmt::format("the server sends enrolments elsewhere, to {}{}", there.origin,
                                                  printable(there.path, 200)))
                    .with_hint("if that server is the right one, set its url in /etc/aziot/config.toml, then "
                               "run: iotedge config apply"));
        MUSTER_CO_TRY(response, co_await ask_elsewhere(std::move(there)));
        if (!is_redirection(response.status)) co_return response;
        co_return fail(Errc::conflict, "the server redirects from one host to the next");
    }
    co_return fail(Errc::conflict, "the server redirects in a circle");
}

Task<Result<net::HttpResponse>> EstClient::send(std::string method, std::string operation, std::string body) {
    net::HttpRequest request;
    request.method = std::move(method);
    request.target = path_ + operation;
    request.headers.add("Accept", "*/*");
    if (!authorization_.empty()) request.headers.add("Authorization", authorization_);
    if (!body.empty()) {
        request.headers.add("Content-Type", "application/pkcs10");
        request.headers.add("Content-Transfer-Encoding", "base64");
    }
    request.body = std::move(body);
    auto response = co_await send_following(request);
    if (may_pass(response)) {
        log::info("the EST server did not serve the request; trying once more",
                  {{"url", server_.url + operation},
                   {"reason", response ? fmt::format("HTTP {}", response->status) : response.error().chain()}});
        co_await pause(pace_.pause);
        response = co_await send_following(std::move(request));
    }
    if (response && (response->status == 202 || response->status == 429 || response->status == 503))
        wish_ = retry_wish(*response);
    co_return response;
}

Task<Result<pki::CertificateChain>> EstClient::ca_certificates() {
    MUSTER_CO_TRY(const auto response, co_await send("GET", "/cacerts", {}));
    if (response.status != 200) co_return fail(est_refusal("the EST server did not give its authorities", response));
    auto certificates = read_certificates(response);
    if (!certificates) co_return fail(certificates.error().wrap("the EST server's authorities (cacerts)"));
    co_return certificates;
}

Task<Result<CsrAttributes>> EstClient::csr_attributes() {
    MUSTER_CO_TRY(const auto response, co_await send("GET", "/csrattrs", {}));
    const bool silent =
        response.status == 204 || response.status == 404 || response.status == 405 || response.status == 501;
    if (silent) co_return CsrAttributes{};
    if (response.status != 200)
        co_return fail(est_refusal("the EST server did not say what it wants in a request", response));
    co_return read_csr_attributes(response.body);
}

Task<Result<pki::CertificateChain>> EstClient::enroll(Operation operation, Bytes request_der) {
    const auto* const name = operation == Operation::enroll ? "/simpleenroll" : "/simplereenroll";
    MUSTER_CO_TRY(const auto response, co_await send("POST", name, body_of(request_der)));
    if (response.status == 202)
        co_return fail(Errc::throttled,
                       "the EST server has taken the request and has not decided yet (HTTP 202); it "
                       "wants to be asked again in {} s",
                       wish_.count());
    if (response.status != 200)
        co_return fail(est_refusal("the EST server refused to issue the certificate", response));
    auto certificates = read_certificates(response);
    if (!certificates) co_return fail(certificates.error().wrap("the certificate that the EST server issued"));
    co_return certificates;
}

}  // namespace muster::edge::certd
