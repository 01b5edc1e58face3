// Custom allocation: what a webhook is asked and what it may answer (facts/dps.md 2.4). No I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "provisioning/attestation.h"
#include "provisioning/enrollment.h"

namespace muster::provisioning {

// Errc::invalid_argument unless it is https with a host, at most 2048 bytes, without spaces and control characters.
Result<> check_webhook_url(std::string_view url);

struct WebhookQuestion {
    EnrollmentKind kind = EnrollmentKind::individual;
    const store::EnrollmentRecord& enrollment;
    const DeviceRequest& device;
    std::string_view current_hub;  // empty for none
    std::string_view current_device;
    const json::value* payload = nullptr;  // of the device; nullptr for none
    const std::vector<std::string>& hubs;  // the linked hubs it may choose from
};
// {individualEnrollment | enrollmentGroup, deviceRuntimeContext, linkedHubs}. It holds no keys.
json::object webhook_request(const WebhookQuestion& question);

struct WebhookAnswer {
    std::string hub;                           // one of those it was offered, as they are spelled
    std::optional<TwinSections> initial_twin;  // in place of the enrollment's
    std::string payload;                       // for the device, JSON; empty for none
};
// Errors say what is wrong with the answer, for the device's errorMessage and the operator's log.
Result<WebhookAnswer> read_webhook_answer(std::string_view body, const std::vector<std::string>& hubs);

// "t=1764170000,v1=<hex>": HMAC-SHA256 over "{t}.{body}". Whoever holds the key knows that the question comes from this
// service, and when it was asked.
std::string webhook_signature(ByteView key, TimePoint now, std::string_view body);
inline constexpr std::string_view webhook_signature_header = "X-Muster-Signature";

}  // namespace muster::provisioning
