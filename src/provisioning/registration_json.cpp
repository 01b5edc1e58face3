#include "provisioning/registration_json.h"

namespace muster::provisioning {
namespace {

// What both views share.
json::object common(const store::RegistrationRecord& record) {
    json::object out{{"registrationId", record.id},
                     {"createdDateTimeUtc", format_utc(record.created)},
                     {"status", record.status},
                     {"lastUpdatedDateTimeUtc", format_utc(record.updated)},
                     {"etag", record.etag}};
    if (!record.assigned_hub.empty()) out["assignedHub"] = record.assigned_hub;
    if (!record.device_id.empty()) out["deviceId"] = record.device_id;
    if (record.error_code != 0) {
        out["errorCode"] = record.error_code;
        out["errorMessage"] = record.error_message;
    }
    if (!record.payload.empty()) {
        if (auto payload = parse_json(record.payload)) out["payload"] = std::move(*payload);
    }
    return out;
}

}  // namespace

json::object registration_result(const store::RegistrationRecord& record) {
    auto out = common(record);
    const auto group = record.group_id.empty() ? json::object() : json::object{{"enrollmentGroupId", record.group_id}};
    out[record.leaf_fingerprint.empty() ? "symmetricKey" : "x509"] = group;
    // The device hears initialAssignment whenever it stays where it was; the true word is the service's (facts 1.3).
    if (!record.substatus.empty()) out["substatus"] = "initialAssignment";
    return out;
}

json::object registration_state(const store::RegistrationRecord& record) {
    auto out = common(record);
    if (!record.substatus.empty()) out["substatus"] = record.substatus;
    return out;
}

}  // namespace muster::provisioning
