#include "net/proxy.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <cstdlib>

#include "base/text.h"

namespace muster::net {
namespace {

namespace ip = boost::asio::ip;

std::string environment(const char* upper, const char* lower) {
    for (const char* name : {upper, lower})
        if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
    return {};
}

template <class Network>
bool same_network(const Network& network, const auto& address) {
    return Network(address, network.prefix_length()).canonical() == network.canonical();
}

bool in_network(std::string_view host, const std::string& network) {
    boost::system::error_code error;
    const auto address = ip::make_address(std::string(host), error);
    if (error) return false;
    if (address.is_v4()) {
        const auto range = ip::make_network_v4(network, error);
        return !error && same_network(range, address.to_v4());
    }
    const auto range = ip::make_network_v6(network, error);
    return !error && same_network(range, address.to_v6());
}

bool excepts(std::string_view exception, std::string_view host) {
    if (exception == "*") return true;
    if (exception.find('/') != std::string_view::npos) return in_network(host, std::string(exception));
    if (exception.starts_with('.')) exception.remove_prefix(1);
    if (exception.empty()) return false;
    if (equals_ignore_case(exception, host)) return true;
    if (host.size() <= exception.size()) return false;
    const auto tail = host.substr(host.size() - exception.size());
    return equals_ignore_case(tail, exception) && host[host.size() - exception.size() - 1] == '.';
}

}  // namespace

ProxyRules ProxyRules::from_environment() {
    ProxyRules rules;
    rules.url = environment("HTTPS_PROXY", "https_proxy");
    for (const auto exception : split(environment("NO_PROXY", "no_proxy"), ','))
        if (!trim(exception).empty()) rules.exceptions.emplace_back(trim(exception));
    return rules;
}

std::optional<std::string> ProxyRules::on_the_way_to(std::string_view host) const {
    if (url.empty()) return std::nullopt;
    for (const auto& exception : exceptions)
        if (excepts(exception, host)) return std::nullopt;
    return url;
}

std::string_view host_of(std::string_view address) {
    if (const auto scheme = address.find("://"); scheme != std::string_view::npos) address.remove_prefix(scheme + 3);
    address = address.substr(0, address.find('/'));
    if (address.starts_with('[')) return address.substr(1, address.find(']') - 1);
    return address.substr(0, address.find(':'));
}

}  // namespace muster::net
