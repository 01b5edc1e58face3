#include "provisioning/registration_json.h"

namespace muster::provisioning {
namespace {

std::string_view shown_substatus(const store::RegistrationRecord& record) {
    return record.status == "assigned" ? std::string_view(record.substatus) : std::string_view();
}

// What both views share.
json::object common(const store::RegistrationRecord& record) {
    json::object out{{"registrationId", record.id},
                     {"createdDateTimeUtc", format_utc(record.created)},
                     {"status", record.status},
                     {"lastUpdatedDateTimeUtc", format_utc(record.updated)},
                     {"etag", record.etag}};
    // While it is not assigned, the record remembers where the device was before.
    const bool assigned = record.status == "assigned";
    if (assigned && !record.assigned_hub.empty()) out["assignedHub"] = record.assigned_hub;
    if (assigned && !record.device_id.empty()) out["deviceId"] = record.device_id;
    if (record.error_code != 0) {
        out["errorCode"] = record.error_code;
        out["errorMessage"] = record.error_message;
    }
    if (assigned && !record.payload.empty()) {
        if (auto payload = parse_json(record.payload)) out["payload"] = std::move(*payload);
    }
    return out;
}

}  // namespace

json::object registration_result(const store::RegistrationRecord& record, std::string_view tpm_key) {
    auto out = common(record);
    const auto group = record.group_id.empty() ? json::object() : json::object{{"enrollmentGroupId", record.group_id}};
    if (tpm_key.empty()) {
        out[record.leaf_fingerprint.empty() ? "symmetricKey" : "x509"] = group;
    } else if (record.status == "assigned") {
        out["tpm"] = {{"authenticationKey", tpm_key}};
    }
    if (const auto substatus = shown_substatus(record); !substatus.empty())
        // The device hears initialAssignment whenever it stays where it was; the true word is the service's
        // (facts 1.3).
        out["substatus"] = substatus == "reprovisionedToInitialAssignment" ? "initialAssignment" : substatus;
    return out;
}

json::object registration_state(const store::RegistrationRecord& record) {
    auto out = common(record);
    if (const auto substatus = shown_substatus(record); !substatus.empty()) out["substatus"] = substatus;
    return out;
}

json::object operation_json(std::string_view operation_id, json::object state) {
    auto status = state["status"];
    return {{"operationId", operation_id}, {"status", std::move(status)}, {"registrationState", std::move(state)}};
}

}  // namespace muster::provisioning
