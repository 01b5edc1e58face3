#include "links/url.h"

#include "base/text.h"

namespace muster::links {

Url split_url(const std::string& url) {
    constexpr std::string_view scheme_end = "://";
    const auto host = url.find(scheme_end) + scheme_end.size();
    const auto end = url.find_first_of("/?#", host);
    auto target = end == std::string::npos ? std::string("/") : url.substr(end, url.find('#') - end);
    if (!target.starts_with('/')) target.insert(0, "/");
    const auto host_end = end == std::string::npos ? url.size() : end;
    return {to_lower(url.substr(0, host)) + url.substr(host, host_end - host), std::move(target)};
}

}  // namespace muster::links
