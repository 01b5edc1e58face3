#include "provisioning/delivery_work.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/text.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/registration_journal.h"

namespace muster::provisioning {

namespace asio = boost::asio;

using store::OutboxRecord;
using store::RegistrationRecord;
using store::Tx;

namespace {

// A twin of our own that changes faster than it can be copied; then the assignment waits its turn again.
constexpr int copy_attempts = 5;
// A twin that was fetched longer ago is fetched once more before it is used.
constexpr auto fresh_copy = std::chrono::minutes(1);
constexpr std::int64_t most_fetches = 2;

bool takes_no_calls(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout || error.code() == Errc::throttled;
}

std::unexpected<Trouble> trouble(Error error) {
    return std::unexpected(Trouble{std::move(error), false});
}

// Whether one of these certificates was issued here to the device, and taken back.
Result<bool> is_revoked(Tx& tx, std::string_view registration_id, const std::vector<std::string>& thumbprints) {
    if (std::ranges::all_of(thumbprints, &std::string::empty)) return false;
    constexpr std::size_t at_once = 100;
    for (std::string after;;) {
        MUSTER_TRY(const auto page,
                   tx.issued_certificates().list({.registration_id = registration_id}, after, at_once));
        for (const auto& issued : page)
            if (issued.revoked && std::ranges::find(thumbprints, issued.fingerprint) != thumbprints.end()) return true;
        if (page.size() < at_once) return false;
        after = page.back().serial;
    }
}

// An enrollment or a certificate that was taken back while its device waited lets nobody in: neither the certificate
// that it is to get in by, nor the one that it asked for that with.
Result<std::optional<Objection>> objection_of(Tx& tx, const RegistrationRecord& record, const AssignmentOrder& order,
                                              const GroupIndex& groups) {
    const auto listed = [&](const ShownCertificate& shown) {
        return groups.is_revoked(shown.serial, shown.issuer, record.group_id);
    };
    if (std::ranges::any_of(order.shown, listed))
        return Objection{unauthorized("the certificate came into a revocation list while the device waited"), true};
    MUSTER_TRY(const auto revoked, is_revoked(tx, record.id, {order.credential.thumbprint, record.leaf_fingerprint}));
    if (revoked) return Objection{unauthorized("the certificate was revoked while the device waited"), true};
    // An individual one blocks a group's device, too.
    MUSTER_TRY(auto enrollment, tx.enrollments().find(record.id));
    if (!enrollment && !record.group_id.empty()) {
        MUSTER_TRY(enrollment, tx.enrollment_groups().find(record.group_id));
    }
    if (!enrollment) return Objection{unauthorized("the enrollment was deleted while the device waited")};
    MUSTER_TRY(const auto rules, enrollment_rules(*enrollment));
    if (rules.enabled) return std::nullopt;
    return Objection{unauthorized("the enrollment was disabled while the device waited")};
}

// An attempt before may have made the identity there, and nobody is to be let in by it. Where the device was before, an
// attempt may have given it the new credential, which stays unless it is that which was taken back.
Result<Wakes> end_and_clean_up(Assigner& assigner, RegistrationRecord& record, AssignmentOrder order,
                               const Objection& objection) {
    end_as_failed(record, objection.error);
    Wakes wakes;
    const bool stays = equals_ignore_case(order.hub, order.from_hub) && order.device_id == order.from_device;
    if (!order.hub.empty() && !stays) {
        order.touched.push_back(std::exchange(order.hub, {}));
    } else if (!order.hub.empty() && objection.of_credential) {
        MUSTER_TRY(wakes, assigner.lock_out(order.hub, order.device_id, order.credential));
    }
    MUSTER_TRY(const auto more, assigner.clean_up(order));
    wakes.insert(wakes.end(), more.begin(), more.end());
    return wakes;
}

// Nothing when there is no objection at the time of the transaction, which may be much later than the first look.
Result<std::optional<Wakes>> end_if_objected(Assigner& assigner, RegistrationRecord& record,
                                             const AssignmentOrder& order, const GroupIndex& groups) {
    MUSTER_TRY(const auto objection, objection_of(assigner.tx, record, order, groups));
    if (!objection) return std::nullopt;
    return end_and_clean_up(assigner, record, order, *objection);
}

}  // namespace

bool may_pass(const Error& error) {
    return takes_no_calls(error) || error.code() == Errc::io || error.code() == Errc::internal;
}

// What a transaction that settles an entry came to.
struct DeliveryWork::Settled {
    std::optional<RegistrationRecord> record;  // nothing when the entry was replaced or its registration deleted
    Wakes wakes;
    std::string left_behind;  // Assigner::left_behind
};

Task<Outcome> DeliveryWork::deliver(DeliveryQueue& queue, const OutboxRecord& task) {
    if (is_assignment_key(task.key)) co_return co_await assign(queue, task);
    co_return co_await remove(queue, task);
}

Task<Outcome> DeliveryWork::assign(DeliveryQueue& queue, const OutboxRecord& task) {
    auto order = AssignmentOrder::parse(task.body);
    if (!order) co_return co_await settle_as_failed(task, order.error());
    auto objection = co_await this->objection(task, *order);
    if (!objection) co_return trouble(std::move(objection).error());
    if (*objection) co_return co_await settle_as_failed(task, std::move(**objection));
    if (order->webhook) co_return co_await ask(task, std::move(*order));

    const auto list = tools_.hubs.current();
    const auto* from = twin_source(*order, *list);
    const bool stale =
        order->fetched && order->fetches < most_fetches && tools_.clock.now() - order->fetched->at > fresh_copy;
    if (from != nullptr && (!order->fetched || stale))
        co_return co_await fetch_twin(queue, task, std::move(*order), *from);
    for (int attempt = 0; attempt < copy_attempts; ++attempt) {
        bool again = false;
        auto moved = co_await move_to(queue, task, *order, *list, again);
        if (!again) co_return moved;
    }
    co_return trouble(Error(Errc::io, "the device's twin changes all the time while it is copied"));
}

Task<Result<std::optional<Objection>>> DeliveryWork::objection(const OutboxRecord& task, const AssignmentOrder& order) {
    co_return co_await tools_.store.read([&](Tx& tx) -> Result<std::optional<Objection>> {
        MUSTER_TRY(const auto record, tx.registrations().find(registration_of_key(task.key)));
        if (!record) return std::nullopt;
        return objection_of(tx, *record, order, *tools_.groups.current());
    });
}

// The hub before has a queue of its own: while it is slow, only those wait whose twins are there.
Task<Outcome> DeliveryWork::fetch_twin(DeliveryQueue& queue, const OutboxRecord& task, AssignmentOrder order,
                                       const LinkedHub& from) {
    if (queue.name() != hub_queue(from.name)) {
        order.fetched.reset();
        co_return co_await go_on(task, std::move(order));
    }
    if (auto held = co_await claims_.before_call(task); !held) co_return trouble(std::move(held).error());
    auto client = queue.take_client(tools_.outside, from);
    if (!client) co_return trouble(std::move(client).error());
    auto copy = co_await (*client)->read_twin(order.from_device);
    queue.give_back(std::move(*client), from);
    if (!copy) {
        auto failed = note_failure(queue.name(), from, std::move(copy).error());
        if (may_pass(failed.error)) co_return std::unexpected(std::move(failed));
        co_return co_await settle_as_failed(
            task, failed.error.wrap(fmt::format("hub '{}'", from.name)).with_number(code::hub_refused));
    }
    note_success(from);
    queue.release();
    order.fetched = FetchedTwin{std::move(*copy), tools_.clock.now()};
    ++order.fetches;
    co_return co_await go_on(task, std::move(order));
}

Task<Outcome> DeliveryWork::move_to(DeliveryQueue& queue, const OutboxRecord& task, const AssignmentOrder& order,
                                    const HubList& list, bool& again) {
    const auto* target = list.find(order.hub);
    if (target == nullptr) co_return co_await settle_as_failed(task, not_linked(order.hub));
    const auto own = co_await own_twin(order, list);
    if (!own) co_return trouble(own.error());
    const auto fetched = order.fetched ? order.fetched->twin : std::nullopt;
    const auto copy = *own ? std::optional((*own)->twin) : fetched;
    if (!target->own()) {
        auto created = co_await create(queue, task, *target, order, copy);
        if (!created && may_pass(created.error().error)) co_return created;
        if (!created)
            co_return co_await settle_as_failed(
                task, created.error().error.wrap(fmt::format("hub '{}'", target->name)).with_number(code::hub_refused));
    }
    auto settled = co_await settle(
        task, order, list, [&](Assigner& assigner, RegistrationRecord& record, Settled& outcome) -> Result<> {
            MUSTER_TRY(auto ended, end_if_objected(assigner, record, order, *tools_.groups.current()));
            if (ended) {
                outcome.wakes = std::move(*ended);
                return {};
            }
            if (*own) {
                MUSTER_TRY(const auto now, read_own_twin(assigner.tx, order.from_device));
                // The error takes back what the transaction has done.
                if (now && *now != **own) return fail(Errc::conflict, "the twin changed");
            }
            MUSTER_TRY(outcome.wakes, assigner.finish(record, order, copy));
            return {};
        });
    if (!settled && settled.error().code() == Errc::conflict) again = true;
    if (!settled) co_return trouble(std::move(settled).error());
    announce(order, *settled);
    co_return Outcome();
}

// The twin of our own that goes along; nothing when none does.
Task<Result<std::optional<OwnTwin>>> DeliveryWork::own_twin(const AssignmentOrder& order, const HubList& list) {
    const auto effect = effect_of(order);
    const auto* from = effect.moved ? list.find(order.from_hub) : nullptr;
    if (from == nullptr || !from->own() || effect.twin != TwinEffect::migrate) co_return std::nullopt;
    co_return co_await tools_.store.read([&](Tx& tx) { return read_own_twin(tx, order.from_device); });
}

Task<Outcome> DeliveryWork::create(DeliveryQueue& queue, const OutboxRecord& task, const LinkedHub& hub,
                                   const AssignmentOrder& order, const std::optional<TwinCopy>& copy) {
    auto change = twin_change(order, effect_of(order), copy);
    const bool known = equals_ignore_case(order.from_hub, order.hub) && order.from_device == order.device_id;
    const RemoteDevice device{.device_id = order.device_id,
                              .credential = order.credential,
                              .edge = order.edge,
                              .twin = std::move(change.twin),
                              .known = known,
                              .replace_twin = change.replace};
    if (auto held = co_await claims_.before_call(task); !held) co_return trouble(std::move(held).error());
    auto client = queue.take_client(tools_.outside, hub);
    if (!client) co_return trouble(std::move(client).error());
    auto done = co_await (*client)->put_device(device);
    queue.give_back(std::move(*client), hub);
    if (!done) co_return std::unexpected(note_failure(queue.name(), hub, std::move(done).error()));
    note_success(hub);
    queue.release();
    co_return Outcome();
}

Task<Outcome> DeliveryWork::ask(const OutboxRecord& task, AssignmentOrder order) {
    auto answer = co_await webhook_answer(*order.webhook);
    if (!answer)
        co_return co_await settle_as_failed(task,
                                            std::move(answer).error().with_number(code::custom_allocation_failed));
    order.hub = answer->hub;
    order.payload = answer->payload;
    if (answer->initial_twin) {
        order.tags = answer->initial_twin->tags;
        order.desired = answer->initial_twin->desired;
    }
    order.webhook.reset();
    co_return co_await go_on(task, std::move(order));
}

Task<Result<WebhookAnswer>> DeliveryWork::webhook_answer(const WebhookOrder& webhook) {
    asio::steady_timer pause(tools_.executor);
    const auto& limits = tools_.limits;
    for (int attempt = 1;; ++attempt) {
        auto reply = co_await tools_.outside.ask_webhook(webhook.url, webhook.body);
        const int status = reply ? reply->status : 0;
        if (reply && status / 100 == 2) {
            auto answer = read_webhook_answer(reply->body, webhook.hubs);
            // The number that clients look for stands in the message as the original writes it (facts/dps.md 2.4).
            if (!answer)
                co_return fail(
                    answer.error().wrap(fmt::format("Custom allocation failed with status code: {}", status)));
            co_return answer;
        }
        const bool may_mend = reply ? status / 100 == 5 || status == 408 || status == 429 : may_pass(reply.error());
        if (!may_mend || attempt >= limits.webhook_attempts) {
            if (reply) co_return fail(Errc::unavailable, "Custom allocation failed with status code: {}", status);
            co_return fail(reply.error().wrap("Custom allocation failed, the webhook gave no answer"));
        }
        log::warn("a webhook is asked again",
                  {{"attempt", attempt}, {"status", status}, {"error", reply ? "" : reply.error().chain()}});
        pause.expires_after(backoff(attempt - 1, limits.first_wait / 2, limits.longest_wait, tools_.random));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Task<Outcome> DeliveryWork::remove(DeliveryQueue& queue, const OutboxRecord& task) {
    const auto order = RemovalOrder::parse(task.body);
    const hub::DeviceCredential no_credential{};
    const auto list = tools_.hubs.current();
    const auto* hub = order ? list->find(order->hub) : nullptr;
    if (hub != nullptr && !hub->own()) {
        if (auto held = co_await claims_.before_call(task); !held) co_return trouble(std::move(held).error());
        auto client = queue.take_client(tools_.outside, *hub);
        if (!client) co_return trouble(std::move(client).error());
        auto done = order->credential_alone
                        ? co_await (*client)->lock_out(order->device_id, order->only_with.value_or(no_credential))
                        : co_await (*client)->remove_device(order->device_id, order->only_with);
        queue.give_back(std::move(*client), *hub);
        if (!done) co_return std::unexpected(note_failure(queue.name(), *hub, std::move(done).error()));
        note_success(*hub);
        queue.release();
        log::info(order->credential_alone ? "revoked credential taken from its device"
                                          : "identity removed from the hub before",
                  {{"hub", hub->name}, {"deviceId", order->device_id}, {"was there", *done ? "yes" : "no"}});
    }
    auto erased = co_await tools_.store.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto row, tx.outbox().find(task.key));
        if (row && row->id == task.id) MUSTER_CHECK(tx.outbox().erase(task.key));
        return {};
    });
    if (!erased) co_return trouble(std::move(erased).error());
    co_return Outcome();
}

Task<Outcome> DeliveryWork::go_on(const OutboxRecord& task, AssignmentOrder order) {
    const auto list = tools_.hubs.current();
    auto settled = co_await settle(
        task, order, *list, [&](Assigner& assigner, RegistrationRecord& record, Settled& outcome) -> Result<> {
            MUSTER_TRY(auto ended, end_if_objected(assigner, record, order, *tools_.groups.current()));
            if (ended) {
                outcome.wakes = std::move(*ended);
                return {};
            }
            MUSTER_TRY(outcome.wakes, assigner.begin(record, order, task.created));
            return {};
        });
    if (!settled) co_return trouble(std::move(settled).error());
    announce(order, *settled);
    co_return Outcome();
}

// Runs `change` on the registration of an entry and takes the entry out, unless it was replaced meanwhile.
template <class Change>
Task<Result<DeliveryWork::Settled>> DeliveryWork::settle(const OutboxRecord& task, const AssignmentOrder& order,
                                                         const HubList& list, Change change) {
    co_return co_await tools_.store.transact([&](Tx& tx) -> Result<Settled> {
        Settled settled;
        MUSTER_TRY(const auto row, tx.outbox().find(task.key));
        if (!row || row->id != task.id) {
            if (row) settled.wakes.push_back(row->queue);
            return settled;
        }
        MUSTER_CHECK(tx.outbox().erase(task.key));
        MUSTER_TRY(auto record, tx.registrations().find(registration_of_key(task.key)));
        if (!record) return settled;
        const auto now = tools_.clock.now();
        Assigner assigner{tx, list, now, tools_.random};
        MUSTER_CHECK(change(assigner, *record, settled));
        if (record->status != "assigning") {
            record->etag = make_registration_etag(tools_.random);
            record->updated = now;
            MUSTER_CHECK(tx.registrations().put(*record));
            MUSTER_CHECK(journal_registration(tx, *record, order.peer, order.tracking_id));
        }
        settled.record = std::move(*record);
        settled.left_behind = std::move(assigner.left_behind);
        return settled;
    });
}

Task<Outcome> DeliveryWork::settle_as_failed(const OutboxRecord& task, Objection objection) {
    const auto list = tools_.hubs.current();
    const auto order = AssignmentOrder::parse(task.body).value_or(AssignmentOrder{});
    auto settled = co_await settle(task, order, *list,
                                   [&](Assigner& assigner, RegistrationRecord& record, Settled& outcome) -> Result<> {
                                       MUSTER_TRY(outcome.wakes, end_and_clean_up(assigner, record, order, objection));
                                       return {};
                                   });
    if (!settled) co_return trouble(std::move(settled).error());
    announce(order, *settled);
    co_return Outcome();
}

void DeliveryWork::announce(const AssignmentOrder& order, const Settled& settled) {
    wake_(settled.wakes);
    if (!settled.record || settled.record->status == "assigning") return;
    log_outcome(*settled.record, settled.left_behind, order.peer, order.tracking_id);
    tools_.metrics.registration(settled.record->status);
}

void DeliveryWork::note_success(const LinkedHub& hub) {
    if (hub.state->works(tools_.clock.now())) log::info("hub answers", {{"hub", hub.name}});
}

Trouble DeliveryWork::note_failure(std::string_view queue, const LinkedHub& hub, Error error) {
    const bool down = takes_no_calls(error);
    if ((down || error.code() == Errc::forbidden) && hub.state->fails(error.chain(), tools_.clock.now()))
        log::warn("hub does not work", {{"hub", hub.name}, {"error", error.chain()}});
    return {std::move(error), down && hub_queue(hub.name) == queue};
}

}  // namespace muster::provisioning
