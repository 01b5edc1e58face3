#include "endpoints/est.h"

#include "authority/csr_attributes.h"
#include "base/text.h"
#include "pki/pkcs7.h"
#include "provisioning/certificate_enrolment.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

constexpr int no_content = 204;
constexpr int not_found = 404;
constexpr int method_not_allowed_status = 405;
constexpr int unsupported_media_type = 415;
constexpr int not_implemented = 501;

net::HttpResponse text_answer(const Exchange& exchange, int status, std::string text) {
    auto response = empty_answer(exchange, status);
    response.headers.add("Content-Type", "text/plain; charset=utf-8");
    response.body = std::move(text) + "\n";
    return response;
}

net::HttpResponse refusal(const Exchange& exchange, const Error& error) {
    // Without an authority there is no EST server at this path (RFC 7030 3.2.2 leaves that to HTTP).
    const int status = error.code() == Errc::unsupported ? not_found : provisioning::error_number(error) / 1000;
    auto response = text_answer(exchange, status,
                                wire_message(error, status, exchange.tracking_id, printable(exchange.request.path())));
    if (status == 401) response.headers.add("WWW-Authenticate", "Basic realm=\"one-time password\", charset=\"UTF-8\"");
    if (const auto wait = retry_after(error)) response.headers.add("Retry-After", fmt::format("{}", wait->count()));
    return response;
}

net::HttpResponse base64_answer(const Exchange& exchange, std::string type, ByteView der) {
    constexpr std::size_t line = 64;
    auto response = empty_answer(exchange, 200);
    response.headers.add("Content-Type", std::move(type));
    // RFC 8951 takes it back, clients of RFC 7030 look for it.
    response.headers.add("Content-Transfer-Encoding", "base64");
    const auto text = base64_encode(der);
    for (std::size_t at = 0; at < text.size(); at += line) response.body += text.substr(at, line) + "\n";
    return response;
}

net::HttpResponse certificates_answer(const Exchange& exchange, const pki::CertificateChain& certificates) {
    const auto message = pki::make_pkcs7(certificates);
    if (!message) return refusal(exchange, message.error());
    return base64_answer(exchange, "application/pkcs7-mime; smime-type=certs-only", *message);
}

struct Path {
    std::string label;
    std::string operation;
};

Path path_of(const Exchange& exchange) {
    const auto& segments = exchange.segments();
    if (segments.size() == 3) return {{}, to_lower(segments[2])};
    if (segments.size() == 4) return {segments[2], to_lower(segments[3])};
    return {};
}

// "Basic base64(user:password)" (RFC 7617). Another scheme is not for us to judge: it proves nothing here.
Result<> read_authorization(const Exchange& exchange, provisioning::EnrolmentRequest& request) {
    constexpr std::string_view scheme = "Basic ";
    const auto header = exchange.request.headers.get("Authorization");
    if (!starts_with_ignore_case(header, scheme)) return {};
    auto decoded = base64_decode(trim(header.substr(scheme.size())));
    const auto text = decoded ? as_text(*decoded) : std::string_view();
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0)
        return fail(
            provisioning::unauthorized("the Authorization header is not \"Basic\" with base64 of user:password"));
    request.user = text.substr(0, colon);
    request.password = Secret(text.substr(colon + 1));
    wipe(decoded->data(), decoded->size());
    return {};
}

bool is_pkcs10(const Exchange& exchange) {
    const auto type = exchange.request.headers.get("Content-Type");
    return equals_ignore_case(trim(type.substr(0, type.find(';'))), "application/pkcs10");
}

net::HttpResponse throttled_answer(const Exchange& exchange, const provisioning::Refusal& why) {
    exchange.services.metrics.throttled(to_string(why.limit));
    auto response = refusal(exchange, throttled(why));
    response.headers.set("Retry-After", fmt::format("{}", why.retry_after.count()));
    return response;
}

Task<net::HttpResponse> enrol(const Exchange& exchange, const Path& path) {
    // As a registration: before anything is parsed or verified.
    if (const auto why = exchange.services.throttle.admit_registration(exchange.peer.address))
        co_return throttled_answer(exchange, *why);
    const provisioning::Throttle::Flight flight(exchange.services.throttle);
    if (!is_pkcs10(exchange))
        co_return text_answer(exchange, unsupported_media_type,
                              "the request's Content-Type must be application/pkcs10");
    provisioning::EnrolmentRequest request{.group_id = path.label,
                                           .csr = exchange.request.body,
                                           .renews = path.operation == "simplereenroll",
                                           .chain = exchange.peer.chain,
                                           .tracking_id = exchange.tracking_id,
                                           .peer = exchange.peer.address};
    if (const auto read = read_authorization(exchange, request); !read) co_return refusal(exchange, read.error());
    std::optional<provisioning::Refusal> by_group;
    request.admit_group = [&](const std::string& group_id) -> Result<> {
        by_group = exchange.services.throttle.admit_group(group_id);
        return by_group ? Result<>(fail(throttled(*by_group))) : Result<>();
    };
    const auto certificate = co_await exchange.services.authority->enrolment.enrol(std::move(request));
    if (by_group) co_return throttled_answer(exchange, *by_group);
    if (!certificate) co_return refusal(exchange, certificate.error());
    // The leaf alone: clients put what cacerts gives behind it.
    co_return certificates_answer(exchange, {*certificate});
}

// For whoever asks, under any label: it is public, and tells nobody which groups there are.
Task<net::HttpResponse> ca_certificates(const Exchange& exchange) {
    const auto issuing = co_await exchange.services.authority->authority.find_issuing();
    co_return issuing ? certificates_answer(exchange, (*issuing)->chain) : refusal(exchange, issuing.error());
}

// 204 when any request will do that is strong enough (RFC 7030 4.5.2).
net::HttpResponse csr_attributes(const Exchange& exchange) {
    const auto& key = exchange.services.authority->authority.policy().key;
    if (!key) return empty_answer(exchange, no_content);
    return base64_answer(exchange, "application/csrattrs", authority::csr_attributes(*key));
}

}  // namespace

bool is_est(const Exchange& exchange) {
    return exchange.services.authority != nullptr && exchange.segment_is(0, ".well-known") &&
           exchange.segment_is(1, "est");
}

Task<net::HttpResponse> est(const Exchange& exchange) {
    const auto path = path_of(exchange);
    const bool enrols = path.operation == "simpleenroll" || path.operation == "simplereenroll";
    if (path.operation == "serverkeygen" || path.operation == "fullcmc")
        co_return text_answer(exchange, not_implemented,
                              fmt::format("{} is not supported: use simpleenroll", path.operation));
    if (!enrols && path.operation != "cacerts" && path.operation != "csrattrs")
        co_return text_answer(exchange, not_found,
                              "there are cacerts, csrattrs, simpleenroll and simplereenroll below /.well-known/est, "
                              "each with the name of an enrollment group in between or without");
    if (const std::string_view method = enrols ? "POST" : "GET"; !exchange.is(method)) {
        auto response = text_answer(exchange, method_not_allowed_status,
                                    fmt::format("{} is asked for with {}", path.operation, method));
        response.headers.add("Allow", std::string(method));
        co_return response;
    }
    if (enrols) co_return co_await enrol(exchange, path);
    if (path.operation == "cacerts") co_return co_await ca_certificates(exchange);
    co_return csr_attributes(exchange);
}

}  // namespace muster::endpoints
