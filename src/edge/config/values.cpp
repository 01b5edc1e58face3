#include "edge/config/values.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/text.h"

namespace muster::edge {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_alphanumeric(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Complaint first_stranger(std::string_view text, std::string_view beside, std::string_view allowed) {
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!is_alphanumeric(text[i]) && beside.find(text[i]) == std::string_view::npos)
            return fmt::format("has the character \"{}\" at place {}: only {} are allowed",
                               printable(text.substr(i, 1)), i + 1, allowed);
    return std::nullopt;
}

Complaint check_label(std::string_view label) {
    if (label.empty()) return "has an empty part between its dots";
    if (label.size() > 63) return fmt::format("has a part of {} characters; at most 63 are allowed", label.size());
    if (label.front() == '-' || label.back() == '-')
        return fmt::format("has the part \"{}\", which must not begin or end with a dash", label);
    return std::nullopt;
}

struct Unit {
    std::string_view name;
    std::int64_t seconds;
};

// The names of the original's duration texts, from seconds up.
constexpr std::array units{
    Unit{"s", 1},          Unit{"sec", 1},         Unit{"secs", 1},         Unit{"second", 1},
    Unit{"seconds", 1},    Unit{"m", 60},          Unit{"min", 60},         Unit{"mins", 60},
    Unit{"minute", 60},    Unit{"minutes", 60},    Unit{"h", 3600},         Unit{"hr", 3600},
    Unit{"hrs", 3600},     Unit{"hour", 3600},     Unit{"hours", 3600},     Unit{"d", 86400},
    Unit{"day", 86400},    Unit{"days", 86400},    Unit{"w", 604800},       Unit{"week", 604800},
    Unit{"weeks", 604800}, Unit{"M", 2630016},     Unit{"month", 2630016},  Unit{"months", 2630016},
    Unit{"y", 31557600},   Unit{"year", 31557600}, Unit{"years", 31557600},
};

std::optional<std::int64_t> unit_seconds(std::string_view name) {
    for (const auto& unit : units)
        if (unit.name == name) return unit.seconds;
    return std::nullopt;
}

template <class Predicate>
std::string_view take_while(std::string_view& text, Predicate predicate) {
    const auto end = std::ranges::find_if_not(text, predicate);
    const auto taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
    text.remove_prefix(taken.size());
    return taken;
}

bool is_space(char c) {
    return c == ' ' || c == '\t';
}

std::unexpected<Error> wrong_endpoint(std::string what, std::string hint = {}) {
    return fail(Error(Errc::invalid_argument, std::move(what)).with_hint(std::move(hint)));
}

}  // namespace

bool is_placeholder(std::string_view text) {
    if (text.starts_with("<") && text.ends_with(">")) return true;
    return text.ends_with("_HERE") || text == "PATH_TO_JSON_FILE";
}

Complaint check_registration_id(std::string_view text) {
    if (text.empty()) return "is empty";
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (text.size() > 128) return fmt::format("has {} characters; at most 128 are allowed", text.size());
    if (auto stranger = first_stranger(text, "-._:", "letters, digits and - . _ :")) return stranger;
    if (!is_alphanumeric(text.back()) && text.back() != '-')
        return fmt::format("ends with \"{}\"; it must end with a letter, a digit or a dash", text.back());
    return std::nullopt;
}

Complaint check_id_scope(std::string_view text) {
    if (text.empty()) return "is empty";
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (text.size() > 64)
        return fmt::format("has {} characters, an id scope has about 11: \"0ne0012ABCD\"", text.size());
    return first_stranger(text, "", "letters and digits");
}

Complaint check_hostname(std::string_view text) {
    if (text.empty()) return "is empty";
    if (text.size() > 253) return fmt::format("has {} characters; at most 253 are allowed", text.size());
    if (auto stranger = first_stranger(text, "-.", "letters, digits, dashes and dots")) return stranger;
    for (const auto label : split(text, '.'))
        if (auto wrong = check_label(label)) return wrong;
    return std::nullopt;
}

Complaint check_host_and_port(std::string_view text) {
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    const auto parsed = parse_host_and_port(text);
    if (parsed) return std::nullopt;
    return parsed.error().message();
}

Complaint check_device_id(std::string_view text) {
    if (text.empty()) return "is empty";
    if (is_placeholder(text)) return fmt::format("is still the template's \"{}\"", text);
    if (text.size() > 128) return fmt::format("has {} characters; at most 128 are allowed", text.size());
    return first_stranger(text, "-:.+%_#*?!(),=@;$'", "letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '");
}

Complaint check_renewal_policy(std::string_view text) {
    constexpr std::string_view forms = "must be \"N%\" (1 to 99), \"Nmin\" or \"Nday\"";
    auto rest = text;
    const auto number = parse_integer<std::uint32_t>(take_while(rest, is_digit));
    if (!number || *number == 0) return fmt::format("{}, not \"{}\"", forms, printable(text));
    if (rest == "%") {
        if (*number > 99) return fmt::format("{}, not \"{}\"", forms, printable(text));
        return std::nullopt;
    }
    if (rest == "min" || rest == "day") return std::nullopt;
    return fmt::format("{}, not \"{}\"", forms, printable(text));
}

Complaint check_time_of_day(std::string_view text) {
    const bool shaped = text.size() == 5 && text[2] == ':' && is_digit(text[0]) && is_digit(text[1]) &&
                        is_digit(text[3]) && is_digit(text[4]);
    if (shaped && parse_integer<int>(text.substr(0, 2)) < 24 && parse_integer<int>(text.substr(3)) < 60)
        return std::nullopt;
    return fmt::format("must be a time of day, \"HH:MM\", not \"{}\"", printable(text));
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
    constexpr std::int64_t longest = std::int64_t{100} * 31557600;
    std::int64_t total = 0;
    bool any = false;
    for (take_while(text, is_space); !text.empty(); take_while(text, is_space)) {
        const auto number = parse_integer<std::int64_t>(take_while(text, is_digit));
        take_while(text, is_space);
        const auto unit = unit_seconds(take_while(text, [](char c) { return is_alphanumeric(c) && !is_digit(c); }));
        if (!number || !unit || *number > longest / *unit) return std::nullopt;
        total += *number * *unit;
        if (total > longest) return std::nullopt;
        any = true;
    }
    if (!any) return std::nullopt;
    return std::chrono::seconds(total);
}

Result<Endpoint> parse_host_and_port(std::string_view text) {
    if (text.find_first_of("/?#@ ") != std::string_view::npos)
        return wrong_endpoint(fmt::format("must be host[:port], not \"{}\"", printable(text)),
                              text.starts_with("https://") ? "leave https:// and what follows the host out" : "");
    Endpoint endpoint;
    endpoint.port = "443";
    auto host = text;
    const bool ipv6 = host.starts_with('[');
    const auto colon = ipv6 ? host.find(':', std::min(host.find(']'), host.size())) : host.rfind(':');
    if (colon != std::string_view::npos) {
        const auto port = parse_integer<std::uint16_t>(host.substr(colon + 1));
        if (!port || *port == 0)
            return wrong_endpoint(
                fmt::format("has the port \"{}\", which must be 1 to 65535", printable(host.substr(colon + 1))));
        endpoint.port = std::to_string(*port);
        host = host.substr(0, colon);
    }
    if (ipv6) {
        if (!host.ends_with(']')) return wrong_endpoint("has a bracket that is not closed");
        endpoint.host = std::string(host.substr(1, host.size() - 2));
    } else {
        if (const auto wrong = check_hostname(host))
            return wrong_endpoint(fmt::format("has a host name that {}", *wrong));
        endpoint.host = to_lower(host);
    }
    const auto shown = ipv6 ? fmt::format("[{}]", endpoint.host) : endpoint.host;
    endpoint.normalised = endpoint.port == "443" ? fmt::format("https://{}/", shown)
                                                 : fmt::format("https://{}:{}/", shown, endpoint.port);
    return endpoint;
}

Result<Endpoint> parse_endpoint(std::string_view text) {
    constexpr std::string_view scheme = "https://";
    if (is_placeholder(text)) return wrong_endpoint(fmt::format("is still the template's \"{}\"", text));
    if (starts_with_ignore_case(text, "http://"))
        return wrong_endpoint("must be https: the service is spoken to over TLS only",
                              fmt::format("\"https://{}\"", text.substr(7)));
    if (!starts_with_ignore_case(text, scheme)) {
        const auto other = text.find("://");
        const auto host = other == std::string_view::npos ? text : text.substr(other + 3);
        return wrong_endpoint(fmt::format("must be a URL, \"https://host\", not \"{}\"", printable(text)),
                              fmt::format("\"https://{}\"", printable(host)));
    }
    auto rest = text.substr(scheme.size());
    const auto authority = rest.substr(0, rest.find_first_of("/?#"));
    rest.remove_prefix(authority.size());
    if (!rest.empty() && rest != "/")
        return wrong_endpoint(fmt::format("must name a host alone, without \"{}\"", printable(rest)),
                              fmt::format("\"https://{}\"", printable(authority)));
    if (authority.find('@') != std::string_view::npos) return wrong_endpoint("must not carry a user name");

    return parse_host_and_port(authority);
}

Result<std::string> path_of_file_uri(std::string_view text) {
    if (is_placeholder(text)) return fail(Errc::invalid_argument, "is still the template's \"{}\"", text);
    if (text.starts_with("/"))
        return fail(Error(Errc::invalid_argument, "must be a URI, not a plain path")
                        .with_hint(fmt::format("\"file://{}\"", printable(text))));
    if (!text.starts_with("file:"))
        return fail(Error(Errc::invalid_argument, fmt::format("must be a URI of a file, not \"{}\"", printable(text)))
                        .with_hint("\"file:///var/aziot/...\""));
    auto rest = text.substr(5);
    if (!rest.starts_with("///")) {
        const auto path = rest.substr(std::min(rest.find_first_not_of('/'), rest.size()));
        return fail(Error(Errc::invalid_argument, "needs three slashes and an absolute path after \"file:\"")
                        .with_hint(fmt::format("\"file:///{}\"", printable(path))));
    }
    rest.remove_prefix(2);
    if (rest.find_first_of("?#") != std::string_view::npos)
        return fail(Errc::invalid_argument, "must not have a query or fragment (write ? as %3F and # as %23)");
    auto path = percent_decode(rest);
    if (!path || path->find('\0') != std::string::npos)
        return fail(Errc::invalid_argument, "has a broken percent escape (a literal % is written %25)");
    if (path->ends_with('/')) return fail(Errc::invalid_argument, "names a directory, not a file");
    return std::move(*path);
}

}  // namespace muster::edge
