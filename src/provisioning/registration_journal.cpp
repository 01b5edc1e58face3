#include "provisioning/registration_journal.h"

#include "base/json.h"

namespace muster::provisioning {

Result<> journal_registration(store::Tx& tx, const store::RegistrationRecord& record, const DeviceRequest& request) {
    return journal_registration(tx, record, request.peer, request.tracking_id);
}

Result<> journal_registration(store::Tx& tx, const store::RegistrationRecord& record, std::string_view peer,
                              std::string_view tracking_id) {
    if (record.status == "assigning") return {};
    json::object detail;
    if (!record.group_id.empty()) detail["enrollmentGroupId"] = record.group_id;
    if (!record.device_id.empty()) detail["deviceId"] = record.device_id;
    if (!record.assigned_hub.empty()) detail["assignedHub"] = record.assigned_hub;
    if (!record.substatus.empty()) detail["substatus"] = record.substatus;
    if (record.error_code != 0) {
        detail["errorCode"] = record.error_code;
        detail["errorMessage"] = record.error_message;
    }
    return tx.journal().append({.time = record.updated,
                                .type = "registration." + record.status,
                                .subject = record.id,
                                .peer = std::string(peer),
                                .tracking_id = std::string(tracking_id),
                                .detail = detail.empty() ? std::string() : json::serialize(detail)});
}

}  // namespace muster::provisioning
