// The device API of the provisioning service without a protocol: what HTTPS, MQTT and AMQP have in common. A front
// turns its bytes into a DeviceRequest, and a DeviceAnswer back into its bytes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "endpoints/services.h"

namespace muster::endpoints {

// The published bound of a request to the provisioning service (facts/dps.md 5).
inline constexpr std::size_t max_device_request = 96 * 1024;

struct DeviceAnswer {
    int status;  // an HTTP status, whatever the protocol
    json::object body;
    std::optional<std::chrono::seconds> retry_after;
};

// `body`: JSON text, empty for {}. `request.tracking_id` is in the answer to a failure and in the log.
Task<DeviceAnswer> register_device(const Services& services, provisioning::DeviceRequest request, std::string body);
Task<DeviceAnswer> operation_status(const Services& services, provisioning::DeviceRequest request,
                                    std::string operation_id);
// The device's own record. It costs what a registration does, and counts as one where there are limits.
Task<DeviceAnswer> look_up_registration(const Services& services, provisioning::DeviceRequest request);
DeviceAnswer failed_device_answer(const Services& services, const Error& error, std::string_view tracking_id);

// {errorCode, trackingId, message, timestampUtc}. What is our fault is logged under `about` and told by its tracking id
// alone.
json::object provisioning_error_body(const Services& services, const Error& error, std::string_view tracking_id,
                                     std::string_view about);
std::optional<std::chrono::seconds> retry_after(const Error& error);

// 429001, with when to come back.
Error throttled(const provisioning::Refusal& refusal);

// What a caller may read of an error: its own mistakes in full, our troubles by their tracking id alone.
std::string wire_message(const Error& error, int status, std::string_view tracking_id, std::string_view about);

// A date, perhaps with a suffix: "2021-10-01", "2025-07-01-preview". Any such version is served alike.
bool is_api_version(std::string_view text);
Error missing_api_version();

}  // namespace muster::endpoints
