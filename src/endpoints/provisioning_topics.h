// The names that the device API of the provisioning service has in MQTT (facts/dps.md 1.4): user names and topics, as
// text alone.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace muster::endpoints {

// "{idScope}/registrations/{registrationId}/api-version={v}&ClientVersion=...", scope and id percent-decoded.
struct ProvisioningUserName {
    std::string scope;
    std::string registration_id;
    std::string api_version;
    std::string client_version;  // as it came, percent-encoded or not; may be empty
};
// Nothing when it is of another form, or has no api-version.
std::optional<ProvisioningUserName> parse_provisioning_user_name(std::string_view user_name);

inline constexpr std::string_view provisioning_response_filter = "$dps/registrations/res/#";

struct ProvisioningTopic {
    enum class Kind { register_device, operation_status } kind;
    std::string request_id;    // "$rid", as it stands in the topic
    std::string operation_id;  // percent-decoded; empty when missing
};
// Nothing for any other topic, and without a "$rid" of 1 to 256 bytes: an answer could not be told from others.
std::optional<ProvisioningTopic> parse_provisioning_topic(std::string_view topic);

// "$dps/registrations/res/202/?$rid=1&retry-after=3": "$rid" first, as one SDK loses the other in any other order.
std::string provisioning_response_topic(int status, std::string_view request_id,
                                        std::optional<std::chrono::seconds> retry_after);

}  // namespace muster::endpoints
