// The part of a registration that says where the device goes.
#include "base/text.h"
#include "provisioning/crl_rules.h"
#include "provisioning/errors.h"
#include "provisioning/registration_decision.h"
#include "provisioning/webhook.h"

namespace muster::provisioning {

using store::RegistrationRecord;
using store::Tx;

namespace {

// Where the device was before, as far as that is known by now.
Result<> add_origin(Tx& tx, const HubList& hubs, const RegistrationRecord& before, AssignmentOrder& order) {
    order.from_hub = before.assigned_hub;
    order.from_device = before.device_id;
    if (order.from_hub.empty() || hubs.find(order.from_hub) != nullptr) return {};
    // Its hub is not linked any more, or it is our own under the host name that it had.
    MUSTER_TRY(const auto ours, tx.identities().find(order.from_device));
    if (ours) order.from_hub = hubs.own().name;
    return {};
}

// Which certificates revocation lists may speak of later: all but the CA that the path ends at.
std::vector<ShownCertificate> shown_certificates(const pki::CertificateChain& path) {
    std::vector<ShownCertificate> shown;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) shown.push_back({path[i].serial_hex(), issuer_mark(path[i + 1])});
    return shown;
}

std::vector<std::string> names_of(const std::vector<const LinkedHub*>& hubs) {
    std::vector<std::string> names;
    for (const auto* hub : hubs) names.push_back(hub->name);
    return names;
}

}  // namespace

void Registrations::use_hubs(LinkedHubs& hubs, std::function<void(const std::string&)> wake) {
    hubs_ = &hubs;
    wake_ = std::move(wake);
}

std::shared_ptr<const HubList> Registrations::hubs() const {
    return hubs_ != nullptr ? hubs_->current() : own_hub_alone_;
}

// A registration that is made anew while the former still waits takes its place. What that one may have left at its hub
// is remembered.
Result<std::vector<std::string>> Registrations::replace_waiting(Tx& tx, const RegistrationRecord& before) {
    const auto key = assignment_key(before.id);
    MUSTER_TRY(const auto row, tx.outbox().find(key));
    if (!row) return std::vector<std::string>();
    MUSTER_CHECK(tx.outbox().erase(key));
    MUSTER_TRY(auto replaced, AssignmentOrder::parse(row->body));
    auto touched = std::move(replaced.touched);
    if (!replaced.hub.empty() && std::ranges::find(touched, replaced.hub) == touched.end())
        touched.push_back(std::move(replaced.hub));
    return touched;
}

// What can be said before a hub is chosen.
Result<AssignmentOrder> Registrations::order_for(const Assigner& assigner, const Decision& decision, const Asked& asked,
                                                 const RegistrationRecord& record, const RegistrationRecord* before) {
    const auto& rules = decision.rules;
    AssignmentOrder order{
        .hub = {},
        .device_id = rules.device_id.empty() ? record.id : rules.device_id,
        .credential = {.thumbprint = asked.certificate != nullptr ? asked.certificate->record.fingerprint
                                                                  : record.leaf_fingerprint,
                       .primary_key = decision.primary_key(),
                       .secondary_key = decision.secondary_key()},
        .edge = rules.edge,
        .tags = rules.tags,
        .desired = rules.desired,
        .update = rules.update_hub_assignment,
        .migrate = rules.migrate_data,
        .from_hub = {},
        .from_device = {},
        .touched = {},
        .payload = {},
        .webhook = {},
        .fetched = {},
        .fetches = 0,
        .shown =
            decision.group && asked.path != nullptr ? shown_certificates(*asked.path) : std::vector<ShownCertificate>(),
        .peer = asked.request.peer,
        .tracking_id = asked.request.tracking_id};
    if (before == nullptr) return order;
    MUSTER_CHECK(add_origin(assigner.tx, assigner.hubs, *before, order));
    if (before->status == "assigning") {
        MUSTER_TRY(order.touched, replace_waiting(assigner.tx, *before));
    }
    // "Never": the first assignment stands, whatever the enrollment says by now.
    if (!order.update && !order.from_hub.empty()) {
        order.hub = order.from_hub;
        order.device_id = order.from_device;
        order.payload = before->payload;
    }
    return order;
}

Result<Wakes> Registrations::assign(Assigner& assigner, const Decision& decision, const Asked& asked,
                                    RegistrationRecord& record, const RegistrationRecord* before) {
    const auto& rules = decision.rules;
    const auto& list = assigner.hubs;
    MUSTER_TRY(auto order, order_for(assigner, decision, asked, record, before));
    if (!rules.enabled) {
        record.status = "disabled";
        return assigner.clean_up(order);
    }
    if (!order.hub.empty()) return assigner.begin(record, order, record.updated);
    const auto policy = rules.allocation.value_or(list.default_policy());
    // A webhook chooses among the same hubs as any other policy.
    const auto hashed = policy == AllocationPolicy::custom ? AllocationPolicy::hashed : policy;
    const auto chosen =
        allocate(list, hashed, rules.hubs, {asked.request.registration_id, asked.request.peer, order.from_hub});
    if (!chosen) {
        end_as_failed(record, chosen.error());
        return assigner.clean_up(order);
    }
    if (policy == AllocationPolicy::custom) {
        order.webhook = webhook_order(decision, asked, order, names_of(list.candidates(rules.hubs)));
    } else {
        order.hub = (*chosen)->name;
    }
    return assigner.begin(record, order, record.updated);
}

Result<std::string> Registrations::destination(const Decision& decision, const DeviceRequest& request,
                                               const RegistrationRecord* before) const {
    const auto& rules = decision.rules;
    const std::string_view current = before != nullptr ? std::string_view(before->assigned_hub) : "";
    if (!current.empty() && !rules.update_hub_assignment)
        return fmt::format("it stays at '{}': its enrollment never provisions it to another hub", current);
    const auto list = hubs();
    const auto policy = rules.allocation.value_or(list->default_policy());
    if (policy == AllocationPolicy::custom)
        return fmt::format("the webhook is asked, which may choose among: {}",
                           join(names_of(list->candidates(rules.hubs)), ", "));
    MUSTER_TRY(const auto* hub, allocate(*list, policy, rules.hubs, {request.registration_id, request.peer, current}));
    const auto health = hub->own() ? HubState::Health{} : hub->state->health();
    return fmt::format("{} chooses '{}'{}", to_string(policy), hub->name,
                       health.problem.empty() ? "" : fmt::format(", which does not work now: {}", health.problem));
}

WebhookOrder Registrations::webhook_order(const Decision& decision, const Asked& asked, const AssignmentOrder& order,
                                          std::vector<std::string> hubs) {
    const auto question = webhook_request({.kind = decision.group ? EnrollmentKind::group : EnrollmentKind::individual,
                                           .enrollment = decision.enrollment,
                                           .device = asked.request,
                                           .current_hub = order.from_hub,
                                           .current_device = order.from_device,
                                           .payload = find_member(asked.body, "payload"),
                                           .hubs = hubs});
    return {decision.rules.webhook_url, json::serialize(question), std::move(hubs)};
}

}  // namespace muster::provisioning
