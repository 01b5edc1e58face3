#include "endpoints/provisioning_topics.h"

#include "base/bytes.h"
#include "base/text.h"
#include "endpoints/device_registration.h"

namespace muster::endpoints {
namespace {

constexpr std::size_t max_request_id = 256;
constexpr std::string_view register_topic = "$dps/registrations/PUT/iotdps-register/?";
constexpr std::string_view status_topic = "$dps/registrations/GET/iotdps-get-operationstatus/?";

// The raw value of a parameter of "a=b&c=d", its name compared without case.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
    for (const auto part : split(query, '&')) {
        const auto equals = part.find('=');
        if (equals != std::string_view::npos && equals_ignore_case(part.substr(0, equals), name))
            return part.substr(equals + 1);
    }
    return std::nullopt;
}

std::optional<std::string> decoded(std::string_view text) {
    auto value = percent_decode(text);
    if (value && (value->empty() || value->find('\0') != std::string::npos)) return std::nullopt;
    return value;
}

}  // namespace

std::optional<ProvisioningUserName> parse_provisioning_user_name(std::string_view user_name) {
    const auto parts = split(user_name, '/');
    if (parts.size() < 4 || !equals_ignore_case(parts[1], "registrations")) return std::nullopt;
    auto scope = decoded(parts[0]);
    auto registration_id = decoded(parts[2]);
    // Client versions come raw too, with a '/' in them.
    auto query = user_name.substr(static_cast<std::size_t>(parts[3].data() - user_name.data()));
    if (query.starts_with('?')) query.remove_prefix(1);
    const auto version = parameter(query, "api-version");
    if (!scope || !registration_id || !version || !is_api_version(*version)) return std::nullopt;
    return ProvisioningUserName{std::move(*scope), std::move(*registration_id), std::string(*version),
                                std::string(parameter(query, "ClientVersion").value_or(""))};
}

std::optional<ProvisioningTopic> parse_provisioning_topic(std::string_view topic) {
    using Kind = ProvisioningTopic::Kind;
    const bool registers = starts_with_ignore_case(topic, register_topic);
    if (!registers && !starts_with_ignore_case(topic, status_topic)) return std::nullopt;
    const auto query = topic.substr(registers ? register_topic.size() : status_topic.size());
    const auto request_id = parameter(query, "$rid");
    if (!request_id || request_id->empty() || request_id->size() > max_request_id) return std::nullopt;
    ProvisioningTopic parsed{registers ? Kind::register_device : Kind::operation_status, std::string(*request_id), {}};
    if (const auto id = parameter(query, "operationId")) parsed.operation_id = decoded(*id).value_or("");
    return parsed;
}

std::string provisioning_response_topic(int status, std::string_view request_id,
                                        std::optional<std::chrono::seconds> retry_after) {
    auto topic = fmt::format("$dps/registrations/res/{}/?$rid={}", status, request_id);
    if (retry_after) topic += fmt::format("&retry-after={}", retry_after->count());
    return topic;
}

}  // namespace muster::endpoints
