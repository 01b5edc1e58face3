#include "net/http_target.h"

#include "base/bytes.h"
#include "base/text.h"

namespace muster::net {
namespace {

Result<> read_proxy(HttpTarget& target, std::string_view proxy) {
    auto rest = proxy;
    if (rest.starts_with("http://")) rest.remove_prefix(7);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
        const auto credentials = percent_decode(rest.substr(0, at));
        if (!credentials) return fail(Errc::invalid_argument, "the proxy's user or password is badly percent-encoded");
        target.proxy_authorization = "Basic " + base64_encode(as_bytes(*credentials));
        rest.remove_prefix(at + 1);
    }
    target.via = target.connect;
    auto where = parse_host_port(rest, 80);
    if (!where || proxy.starts_with("https://")) {
        return fail(Errc::invalid_argument, "the proxy must be http://[user:password@]host:port");
    }
    target.connect = *where;
    return {};
}

}  // namespace

Result<HttpTarget> read_target(const std::string& base_url, const ClientOptions& options) {
    HttpTarget target;
    target.text = base_url;
    std::string_view rest = base_url;
    if (rest.starts_with("unix://")) {
        target.unix_path = rest.substr(7);
        target.host_header = "localhost";
        if (target.unix_path.empty()) return fail(Errc::invalid_argument, "\"{}\" names no socket", base_url);
        return target;
    }
    target.plain = options.plain && starts_with_ignore_case(rest, "http://");
    if (!target.plain && !starts_with_ignore_case(rest, "https://")) {
        return fail(Errc::invalid_argument, "\"{}\" must start with https:// or unix://", printable(base_url));
    }
    rest.remove_prefix(target.plain ? 7 : 8);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find_first_of("/?#@ ") != std::string_view::npos) {
        return fail(Errc::invalid_argument, "\"{}\" must be only https://host[:port]", printable(base_url));
    }
    MUSTER_TRY(target.host, parse_host_port(rest, target.plain ? 80 : 443));
    target.host_header = rest;
    target.connect = target.host;
    target.text = target.host.text();
    if (options.connect_to) {
        MUSTER_TRY(target.connect, parse_host_port(*options.connect_to, target.host.port));
    }
    if (options.proxy && !options.proxy->empty() && !target.plain) MUSTER_CHECK(read_proxy(target, *options.proxy));
    return target;
}

}  // namespace muster::net
