#include "edge/service/proxy.h"

#include "edge/service/settings.h"

namespace muster::edge {
namespace {

Result<std::vector<std::string>> read_exceptions(const json::object& proxy) {
    std::vector<std::string> out;
    const auto* list = find_member(proxy, "no_proxy");
    if (list == nullptr) return out;
    if (!list->is_array()) return fail(Errc::invalid_argument, "proxy.no_proxy must be a list");
    for (const auto& value : list->get_array()) {
        if (!value.is_string()) return fail(Errc::invalid_argument, "proxy.no_proxy must be a list of strings");
        out.emplace_back(value.get_string());
    }
    return out;
}

}  // namespace

Result<Proxy> read_proxy(const json::object& settings) {
    MUSTER_TRY(const auto* table, optional_object(settings, "proxy"));
    Proxy proxy;
    if (table == nullptr) {
        proxy.rules = net::ProxyRules::from_environment();
        return proxy;
    }
    warn_unknown(*table, {"url", "no_proxy", "ca"}, "[proxy]");
    MUSTER_TRY(proxy.rules.url, required_string(*table, "url"));
    if (!proxy.rules.url.starts_with("http://"))
        return fail(Errc::invalid_argument, "proxy.url must be http://[user:password@]host:port");
    MUSTER_TRY(proxy.rules.exceptions, read_exceptions(*table));
    MUSTER_TRY(const auto ca, optional_string(*table, "ca"));
    if (ca) {
        MUSTER_TRY(proxy.authorities, file_uri_path(*ca, "proxy.ca"));
    }
    return proxy;
}

}  // namespace muster::edge
