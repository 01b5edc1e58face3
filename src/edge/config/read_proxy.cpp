// [proxy], a section of ours: one place for what is otherwise set in five.
#include "base/text.h"
#include "edge/config/readers.h"
#include "edge/config/values.h"

namespace muster::edge::readers {
namespace {

// Never shows the user and password.
Complaint check_proxy_url(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (starts_with_ignore_case(text, "https://"))
        return "must begin with http://: the connection to the proxy itself is plain, what goes through it is not";
    if (!text.starts_with("http://")) return "must be \"http://[user:password@]host:port\"";
    text.remove_prefix(std::string_view("http://").size());
    if (text.ends_with('/')) text.remove_suffix(1);
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        if (!percent_decode(text.substr(0, at))) return "has a user or password with a broken percent escape";
        if (text.substr(0, at).find('/') != std::string_view::npos)
            return "has a / in its user or password: write it %2F";
        text.remove_prefix(at + 1);
    }
    if (const auto wrong = check_host_and_port(text)) return fmt::format("has a host that {}", *wrong);
    return std::nullopt;
}

}  // namespace

std::optional<ProxySettings> proxy(const ConfigSection& root) {
    const auto section = root.table("proxy");
    if (!section) return std::nullopt;
    ProxySettings out;
    if (auto url = required(*section, "url", "\"http://[user:password@]host:port\"", check_proxy_url))
        out.url = std::move(*url);
    out.no_proxy = section->strings("no_proxy").value_or(std::vector<std::string>());
    for (const auto& host : out.no_proxy)
        if (host.empty() || host.find_first_of(", ") != std::string::npos)
            section->problem("no_proxy", fmt::format("has the entry \"{}\": each host is a text of its own, as in "
                                                     "[\"localhost\", \"10.0.0.0/8\"]",
                                                     printable(host)));
    out.authorities = file(*section, "ca");
    return out;
}

}  // namespace muster::edge::readers
