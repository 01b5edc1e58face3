#include "provisioning/assigner.h"

#include "base/log.h"
#include "base/text.h"
#include "hub/revocation.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {
namespace {

using store::RegistrationRecord;

// A hub that is down for long holds its own devices' assignments, but not without end.
constexpr std::int64_t max_waiting = 100'000;

bool same_hub(std::string_view a, std::string_view b) {
    return equals_ignore_case(a, b);
}

}  // namespace

TwinChange twin_change(const AssignmentOrder& order, const AssignmentEffect& effect,
                       const std::optional<TwinCopy>& copy) {
    const TwinCopy initial{.tags = order.tags, .desired = order.desired, .reported = {}};
    switch (effect.twin) {
        case TwinEffect::keep: return {initial, false};
        case TwinEffect::reset: return {initial, true};
        // Nothing to bring along: a twin that is there already came with an attempt before, or is all there is.
        case TwinEffect::migrate: return copy ? TwinChange{*copy, true} : TwinChange{initial, false};
    }
    return {initial, false};
}

Result<std::optional<OwnTwin>> read_own_twin(store::Tx& tx, const std::string& device_id) {
    MUSTER_TRY(const auto record, tx.identities().find(device_id));
    if (!record) return std::nullopt;
    return OwnTwin{
        {record->tags, record->desired, record->reported, record->status == "disabled", record->status_reason},
        record->twin_version,
        record->reported_version};
}

void log_outcome(const RegistrationRecord& record, std::string_view left_behind, std::string_view peer,
                 std::string_view tracking_id) {
    if (!left_behind.empty())
        log::warn("a device moved away from a hub that is not linked any more: its identity stays there",
                  {{"hub", left_behind}, {"registrationId", record.id}});
    const auto* event = record.status == "assigned"    ? "device registered"
                        : record.status == "assigning" ? "device registration waits for its hub"
                                                       : "device registration ended without assignment";
    log::info(event, {{"registrationId", record.id},
                      {"status", record.status},
                      {"deviceId", record.device_id},
                      {"hub", record.assigned_hub},
                      {"enrollment", record.group_id.empty() ? "individual" : "group:" + record.group_id},
                      {"substatus", record.substatus},
                      {"error", record.error_message},
                      {"certificate", record.leaf_fingerprint},
                      {"peer", peer},
                      {"trackingId", tracking_id}});
}

Error not_linked(std::string_view hub) {
    return Error(Errc::not_found, fmt::format("hub '{}' is not linked to the provisioning service any more", hub))
        .with_number(code::no_hub);
}

void end_as_failed(RegistrationRecord& record, const Error& error) {
    record.status = "failed";
    record.error_code = error.number() != 0 ? error.number() : code::hub_refused;
    record.error_message = error.chain();
}

Result<Wakes> Assigner::begin(RegistrationRecord& record, const AssignmentOrder& order, TimePoint since) {
    if (order.webhook) return enqueue(record, order, webhook_queue(order.webhook->url), since);
    const auto* target = hubs.find(order.hub);
    // "Never" keeps to a hub even when it is not linked any more; nobody else may get there.
    const bool stays = !order.update && same_hub(order.hub, order.from_hub);
    if (target == nullptr && !stays) {
        end_as_failed(record, not_linked(order.hub));
        return clean_up(order);
    }
    const auto* from = twin_source(order, hubs);
    if (from != nullptr && !order.fetched) return enqueue(record, order, hub_queue(from->name), since);
    if (target != nullptr && !target->own()) return enqueue(record, order, hub_queue(target->name), since);
    return finish(record, order, order.fetched ? order.fetched->twin : std::nullopt);
}

Result<Wakes> Assigner::enqueue(RegistrationRecord& record, const AssignmentOrder& order, std::string queue,
                                TimePoint since) {
    const auto* hub = hubs.find(hub_of_queue(queue));
    if (hub != nullptr && hub->state->waiting >= max_waiting)
        return fail(Errc::unavailable, "{} devices wait for hub '{}' already", hub->state->waiting.load(), hub->name);
    record.status = "assigning";
    // It is wanted there again.
    if (!order.hub.empty()) MUSTER_CHECK(tx.outbox().erase(removal_key(order.hub, order.device_id)));
    MUSTER_CHECK(tx.outbox().put({.key = assignment_key(record.id),
                                  .id = random.guid(),
                                  .queue = queue,
                                  .body = order.serialize(),
                                  .attempts = 0,
                                  .due = now,
                                  .created = since}));
    return Wakes{std::move(queue)};
}

Result<Wakes> Assigner::finish(RegistrationRecord& record, const AssignmentOrder& order,
                               const std::optional<TwinCopy>& copy) {
    const auto effect = effect_of(order);
    const auto* target = hubs.find(order.hub);
    if (target != nullptr && target->own()) {
        auto change = twin_change(order, effect, copy);
        const hub::Assignment assignment{.device_id = order.device_id,
                                         .credential = order.credential,
                                         .edge = order.edge,
                                         .tags = std::move(change.twin.tags),
                                         .desired = std::move(change.twin.desired),
                                         .reported = std::move(change.twin.reported),
                                         .disabled = change.twin.disabled,
                                         .status_reason = std::move(change.twin.status_reason),
                                         .reset_twin = change.replace};
        if (auto done = hub::assign_device(tx, assignment, now, random); !done) {
            if (done.error().code() != Errc::conflict) return std::unexpected(done.error());
            end_as_failed(record, done.error());
            return clean_up(order);
        }
    }
    record.status = "assigned";
    const bool nothing_to_migrate = effect.twin == TwinEffect::migrate && !copy;
    record.substatus = nothing_to_migrate ? "deviceDataReset" : effect.substatus;
    record.assigned_hub = target != nullptr ? target->name : order.hub;
    record.device_id = order.device_id;
    record.payload = order.payload;
    MUSTER_TRY(auto wakes, clean_up(order));
    if (effect.moved) {
        MUSTER_TRY(auto more, remove_old_identity(order));
        wakes.insert(wakes.end(), more.begin(), more.end());
    }
    return wakes;
}

Result<Wakes> Assigner::remove_old_identity(const AssignmentOrder& order) {
    const auto* from = hubs.find(order.from_hub);
    if (from == nullptr) {
        left_behind = order.from_hub;
        return Wakes{};
    }
    if (!from->own()) return request_removal({from->name, order.from_device, {}});
    MUSTER_CHECK(tx.identities().erase(order.from_device));
    return Wakes{};
}

Result<Wakes> Assigner::clean_up(const AssignmentOrder& order) {
    Wakes wakes;
    for (const auto& name : order.touched) {
        const auto* hub = hubs.find(name);
        const bool was_there = same_hub(name, order.from_hub) && order.device_id == order.from_device;
        const bool in_use = same_hub(name, order.hub) || was_there;
        if (hub == nullptr || hub->own() || in_use) continue;
        MUSTER_TRY(auto more, request_removal({hub->name, order.device_id, order.credential}));
        wakes.insert(wakes.end(), more.begin(), more.end());
    }
    return wakes;
}

Result<Wakes> Assigner::lock_out(std::string_view hub, const std::string& device_id,
                                 const hub::DeviceCredential& revoked) {
    const auto* at = hubs.find(hub);
    if (at == nullptr || at->own()) {
        MUSTER_CHECK(hub::drop_thumbprint(tx, device_id, revoked.thumbprint, random));
        return Wakes{};
    }
    return request_removal({at->name, device_id, revoked, true});
}

Result<Wakes> lock_out_revoked(store::Tx& tx, const store::IssuedCertificateRecord& revoked, const HubList& hubs,
                               TimePoint now, Random& random) {
    MUSTER_TRY(const auto registration, tx.registrations().find(revoked.registration_id));
    if (!registration || registration->device_id.empty()) return Wakes{};
    Assigner assigner{tx, hubs, now, random};
    return assigner.lock_out(registration->assigned_hub, registration->device_id,
                             {.thumbprint = revoked.fingerprint, .primary_key = {}, .secondary_key = {}});
}

Result<Wakes> Assigner::request_removal(const RemovalOrder& removal) {
    auto queue = hub_queue(removal.hub);
    const auto key = removal.credential_alone
                         ? lock_out_key(removal.hub, removal.device_id, removal.only_with->thumbprint)
                         : removal_key(removal.hub, removal.device_id);
    MUSTER_CHECK(tx.outbox().put({.key = key,
                                  .id = random.guid(),
                                  .queue = queue,
                                  .body = removal.serialize(),
                                  .attempts = 0,
                                  .due = now,
                                  .created = now}));
    return Wakes{std::move(queue)};
}

}  // namespace muster::provisioning
