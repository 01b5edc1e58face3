#include "hub/assignment.h"

#include <array>
#include <tuple>

#include "hub/errors.h"
#include "hub/identifiers.h"

namespace muster::hub {
namespace {

using store::IdentityRecord;

constexpr std::array<std::string_view, 2> system_modules{"$edgeAgent", "$edgeHub"};

void set_credential(IdentityRecord& record, const DeviceCredential& credential) {
    const bool by_key = credential.thumbprint.empty();
    record.authentication = by_key ? "sas" : "selfSigned";
    record.primary_thumbprint = credential.thumbprint;
    record.secondary_thumbprint.clear();
    record.primary_key = by_key ? credential.primary_key : "";
    record.secondary_key = by_key ? credential.secondary_key : "";
}

bool has_credential(const IdentityRecord& record, const DeviceCredential& credential) {
    auto as_it_would_be = record;
    set_credential(as_it_would_be, credential);
    return std::tie(record.authentication, record.primary_thumbprint, record.secondary_thumbprint, record.primary_key,
                    record.secondary_key) == std::tie(as_it_would_be.authentication, as_it_would_be.primary_thumbprint,
                                                      as_it_would_be.secondary_thumbprint, as_it_would_be.primary_key,
                                                      as_it_would_be.secondary_key);
}

void set_twin(IdentityRecord& record, const Assignment& assignment, TimePoint now) {
    record.tags = assignment.tags;
    record.desired = assignment.desired;
    record.desired_updated = now;
    record.reported = assignment.reported;
}

// A device that its hub kept out stays out wherever it moves.
bool keep_out(IdentityRecord& record, const Assignment& assignment, TimePoint now) {
    if (!assignment.disabled || record.status == "disabled") return false;
    record.status = "disabled";
    record.status_reason = assignment.status_reason;
    record.status_updated = now;
    return true;
}

Result<> create(store::Tx& tx, const Assignment& assignment, TimePoint now, Random& random) {
    auto record = new_identity(assignment.device_id, "", now, random);
    record.edge = assignment.edge;
    set_credential(record, assignment.credential);
    set_twin(record, assignment, now);
    keep_out(record, assignment, now);
    if (record.edge) MUSTER_CHECK(add_edge_parts(tx, record, now, random));
    return tx.identities().insert(record);
}

// Versions go on by one: a device that cached the twin must see the change (facts/hub.md 5.3).
void reset_twin(IdentityRecord& record, const Assignment& assignment, TimePoint now) {
    set_twin(record, assignment, now);
    ++record.desired_version;
    ++record.twin_version;
    record.twin_etag = twin_etag(record.twin_version);
    ++record.reported_version;
    record.reported_updated = now;
}

Result<> refresh(store::Tx& tx, IdentityRecord record, const Assignment& assignment, TimePoint now, Random& random) {
    const bool becomes_edge = assignment.edge && !record.edge;
    if (record.edge && !assignment.edge)
        return fail(
            Error(Errc::conflict,
                  fmt::format("the hub knows '{}' as an IoT Edge device, its enrollment does not", record.device_id))
                .with_hint("set capabilities.iotEdge in the enrollment, or delete the device from the hub"));
    const bool kept_out = keep_out(record, assignment, now);
    if (has_credential(record, assignment.credential) && !becomes_edge && !assignment.reset_twin && !kept_out)
        return {};

    set_credential(record, assignment.credential);
    if (becomes_edge) {
        record.edge = true;
        MUSTER_CHECK(add_edge_parts(tx, record, now, random));
    }
    if (assignment.reset_twin) reset_twin(record, assignment, now);
    record.etag = make_identity_etag(random);
    return tx.identities().update(record);
}

}  // namespace

store::IdentityRecord new_identity(std::string_view device_id, std::string_view module_id, TimePoint now,
                                   Random& random) {
    store::IdentityRecord record;
    record.device_id = device_id;
    record.module_id = module_id;
    record.generation_id = make_generation_id(now, random);
    record.etag = make_identity_etag(random);
    record.created = now;
    record.twin_etag = twin_etag(record.twin_version);
    record.desired_updated = now;
    record.reported_updated = now;
    return record;
}

Result<> add_edge_parts(store::Tx& tx, IdentityRecord& device, TimePoint now, Random& random) {
    device.device_scope = fmt::format("ms-azure-iot-edge://{}-{}", device.device_id, device.generation_id);
    for (const auto name : system_modules) {
        auto module = new_identity(device.device_id, name, now, random);
        module.managed_by = "iotEdge";
        MUSTER_CHECK(tx.identities().insert(module));
    }
    return {};
}

bool is_system_module(std::string_view module_id) {
    return std::ranges::find(system_modules, module_id) != system_modules.end();
}

Result<> assign_device(store::Tx& tx, const Assignment& assignment, TimePoint now, Random& random) {
    MUSTER_TRY(auto existing, tx.identities().find(assignment.device_id));
    if (!existing) return create(tx, assignment, now, random);
    return refresh(tx, std::move(*existing), assignment, now, random);
}

}  // namespace muster::hub
