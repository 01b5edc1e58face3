#include "links/crl_http.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>

#include "base/text.h"
#include "links/url.h"
#include "net/http_client.h"

namespace muster::links {
namespace {

constexpr std::chrono::seconds connect_limit{10};
constexpr std::chrono::seconds answer_limit{60};
// A list of 16 MiB, in PEM.
constexpr std::size_t largest_answer = 24 * 1024 * 1024;

Result<std::shared_ptr<net::HttpClient>> client_for(const std::string& origin, const std::string& certificates) {
    net::ClientTls tls;
    if (!certificates.empty()) {
        tls.trust_system_store = false;
        tls.extra_ca_pem.push_back(certificates);
    }
    net::ClientOptions options;
    options.connect = connect_limit;
    options.request = answer_limit;
    options.body_bytes = largest_answer;
    options.plain = true;
    return net::HttpClient::create(origin, std::make_shared<const net::ClientTls>(std::move(tls)), options);
}

Result<pki::RevocationList> read_answer(const net::HttpResponse& answer) {
    if (answer.status / 100 == 3)
        return fail(Error(Errc::io, fmt::format("the answer is {}, to '{}'", answer.status,
                                                printable(answer.headers.get("Location"))))
                        .with_hint("redirects are not followed: name the address that has the list"));
    if (answer.status != 200) return fail(Errc::io, "the answer has status {}", answer.status);
    return pki::RevocationList::from_any(answer.body);
}

Task<Result<pki::RevocationList>> fetch_here(std::string url, std::string certificates) {
    const auto [origin, target] = split_url(url);
    MUSTER_CO_TRY(const auto client, client_for(origin, certificates));
    net::HttpRequest request{"GET", target, {}, {}};
    request.headers.add("Accept", "application/pkix-crl, */*");
    request.headers.add("Connection", "close");
    const auto answer = co_await client->send(std::move(request));
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_answer(*answer);
}

}  // namespace

Task<Result<pki::RevocationList>> CrlHttp::fetch(std::string url, std::string certificates) {
    std::optional<Result<pki::RevocationList>> fetched;
    const auto there = [&]() -> Task<> { fetched = co_await fetch_here(std::move(url), std::move(certificates)); };
    co_await boost::asio::co_spawn(executor_, there, boost::asio::use_awaitable);
    co_return std::move(*fetched);
}

}  // namespace muster::links
