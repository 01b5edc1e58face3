#include "provisioning/deliveries.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <map>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "provisioning/assigner.h"
#include "provisioning/delivery_queue.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/registration_journal.h"
#include "provisioning/webhook.h"

namespace muster::provisioning {

namespace asio = boost::asio;

using store::OutboxRecord;
using store::RegistrationRecord;
using store::Tx;

namespace {

// Identities to be removed are given up after a week: their hub is gone, and its operator has to see to them.
constexpr int removal_patience = 168;  // times the patience of an assignment
constexpr std::size_t expired_at_once = 64;
constexpr std::size_t most_counted = 200'000;
// A twin of our own that changes faster than it can be copied; then the assignment waits its turn again.
constexpr int copy_attempts = 5;

// Why an entry could not be done for now.
struct Trouble {
    Error error;
    bool of_queue = false;  // its peer takes no calls at all
};
using Outcome = std::expected<void, Trouble>;

bool takes_no_calls(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout || error.code() == Errc::throttled;
}

bool may_pass(const Error& error) {
    return takes_no_calls(error) || error.code() == Errc::io || error.code() == Errc::internal;
}

// The twin that goes along, and what of it must still be so when the own identity is deleted.
struct Luggage {
    std::optional<TwinCopy> copy;
    std::optional<OwnTwin> own;
};

// What a transaction that settles an entry came to.
struct Settled {
    std::optional<RegistrationRecord> record;  // nothing when the entry was replaced or its registration deleted
    Wakes wakes;
    bool again = false;  // the own twin changed meanwhile
};

// The device at the hub that an entry is about: two entries about the same one are not done at once.
std::string subject_of(const OutboxRecord& task) {
    if (!is_assignment_key(task.key)) return task.key;
    const auto order = AssignmentOrder::parse(task.body);
    return order && !order->hub.empty() ? removal_key(order->hub, order->device_id) : task.key;
}

}  // namespace

struct Deliveries::State : std::enable_shared_from_this<Deliveries::State> {
    store::Store& store;
    LinkedHubs& hubs;
    Outside& outside;
    const Clock& clock;
    Random& random;
    metrics::Metrics& metrics;
    asio::any_io_executor executor;
    DeliveryLimits limits;
    std::atomic<bool> stopped{false};

    // Of the executor's thread alone:
    std::map<std::string, std::unique_ptr<DeliveryQueue>> queues;
    std::set<std::string> busy;  // keys and subjects of the entries that are worked on
    std::map<std::string, std::unique_ptr<asio::steady_timer>> watches;
    std::map<std::string, std::chrono::steady_clock::time_point> counted;

    State(store::Store& s, LinkedHubs& h, Outside& o, const Clock& c, Random& r, metrics::Metrics& m,
          asio::any_io_executor e, DeliveryLimits l)
        : store(s), hubs(h), outside(o), clock(c), random(r), metrics(m), executor(std::move(e)), limits(l) {}

    template <class Work>
    void spawn(Work work) {
        asio::co_spawn(
            executor, [self = shared_from_this(), work = std::move(work)]() mutable -> Task<> { co_await work(*self); },
            [](std::exception_ptr problem) {
                if (problem) std::rethrow_exception(problem);
            });
    }

    DeliveryQueue& queue_of(const std::string& name);
    // Of the hub that the queue is for; nothing for a webhook's, and for a hub that is not linked any more.
    std::shared_ptr<HubState> state_of(const DeliveryQueue& queue) const;
    void wake(const std::string& name);
    void wake_all(const Wakes& wakes);
    Task<> take_up();
    Task<> pump(DeliveryQueue& queue);
    Task<Result<std::vector<OutboxRecord>>> fetch(DeliveryQueue& queue);
    std::size_t begin(DeliveryQueue& queue, std::vector<OutboxRecord> batch);
    Task<std::optional<std::chrono::milliseconds>> until_next(DeliveryQueue& queue);
    Task<> expire(DeliveryQueue& queue);
    bool expired(const OutboxRecord& task) const;

    Task<> deliver(DeliveryQueue& queue, OutboxRecord task);
    Task<> put_off(DeliveryQueue& queue, const OutboxRecord& task, const Trouble& trouble);
    Task<Outcome> assign(DeliveryQueue& queue, const OutboxRecord& task);
    Task<Outcome> move_to(DeliveryQueue& queue, const OutboxRecord& task, const AssignmentOrder& order,
                          const HubList& list, bool& again);
    Task<std::expected<Luggage, Trouble>> pack(DeliveryQueue& queue, const AssignmentOrder& order, const HubList& list);
    Task<Outcome> create(DeliveryQueue& queue, const LinkedHub& hub, const AssignmentOrder& order,
                         const Luggage& luggage);
    Task<Outcome> ask(const OutboxRecord& task, AssignmentOrder order);
    Task<Result<WebhookAnswer>> webhook_answer(const WebhookOrder& webhook);
    Task<Outcome> remove(DeliveryQueue& queue, const OutboxRecord& task);

    template <class Change>
    Task<Result<Settled>> settle(const OutboxRecord& task, const AssignmentOrder& order, const HubList& list,
                                 Change change);
    Task<Outcome> settle_as_failed(const OutboxRecord& task, Error error);
    void announce(const AssignmentOrder& order, const Settled& settled);

    void note_success(const LinkedHub& hub);
    // The trouble that a failed call to `hub` is for `queue`.
    Trouble note_failure(DeliveryQueue& queue, const LinkedHub& hub, Error error);
    void watch_hubs();
    Task<> watch(std::string name);
};

DeliveryQueue& Deliveries::State::queue_of(const std::string& name) {
    auto& queue = queues[name];
    if (!queue) queue = std::make_unique<DeliveryQueue>(name, executor);
    return *queue;
}

std::shared_ptr<HubState> Deliveries::State::state_of(const DeliveryQueue& queue) const {
    const auto list = hubs.current();
    const auto* hub = list->find(hub_of_queue(queue.name()));
    return hub != nullptr ? hub->state : nullptr;
}

void Deliveries::State::wake(const std::string& name) {
    if (stopped) return;
    auto& queue = queue_of(name);
    queue.ring();
    if (std::exchange(queue.pumping, true)) return;
    spawn([name](State& self) { return self.pump(self.queue_of(name)); });
}

void Deliveries::State::wake_all(const Wakes& wakes) {
    for (const auto& name : wakes) wake(name);
}

// What a former run left.
Task<> Deliveries::State::take_up() {
    auto names = co_await store.read([](Tx& tx) { return tx.outbox().queues(); });
    if (names) {
        wake_all(*names);
    } else {
        log::error("the outbox cannot be read", {{"error", names.error().chain()}});
    }
    watch_hubs();
}

Task<> Deliveries::State::pump(DeliveryQueue& queue) {
    while (!stopped) {
        queue.listen();
        if (queue.running >= limits.calls_at_once) {
            co_await queue.wait(limits.longest_wait);
            continue;
        }
        if (queue.held()) {
            co_await expire(queue);
            co_await queue.wait(std::max(queue.held_for(), std::chrono::milliseconds(1)));
            continue;
        }
        auto batch = co_await fetch(queue);
        if (!batch) {
            log::error("the outbox cannot be read", {{"error", batch.error().chain()}});
            co_await queue.wait(limits.first_wait);
            continue;
        }
        if (begin(queue, std::move(*batch)) > 0) continue;
        const auto next = co_await until_next(queue);
        if (queue.rung()) continue;
        if (!next && queue.running == 0) break;
        co_await queue.wait(next.value_or(limits.longest_wait));
    }
    queue.pumping = false;
    // Hubs are few, and their connections are kept.
    if (!stopped && hub_of_queue(queue.name()).empty()) queues.erase(queue.name());
}

Task<Result<std::vector<OutboxRecord>>> Deliveries::State::fetch(DeliveryQueue& queue) {
    const auto state = state_of(queue);
    const auto steady = std::chrono::steady_clock::now();
    auto& last = counted[queue.name()];
    const bool counts = state != nullptr && steady - last > limits.first_wait;
    if (counts) last = steady;
    // Those that are worked on are still in the outbox.
    const auto limit = limits.calls_at_once + queue.running;
    co_return co_await store.read([&](Tx& tx) -> Result<std::vector<OutboxRecord>> {
        if (counts) {
            MUSTER_TRY(const auto waiting, tx.outbox().count(queue.name(), most_counted));
            state->waiting = waiting;
        }
        return tx.outbox().due(queue.name(), clock.now(), limit);
    });
}

// How many were begun.
std::size_t Deliveries::State::begin(DeliveryQueue& queue, std::vector<OutboxRecord> batch) {
    std::size_t begun = 0;
    for (auto& task : batch) {
        if (queue.running >= limits.calls_at_once) break;
        const auto subject = subject_of(task);
        if (busy.contains(task.key) || busy.contains(subject)) continue;
        busy.insert(task.key);
        busy.insert(subject);
        ++queue.running;
        ++begun;
        spawn([&queue, subject, task = std::move(task)](State& self) mutable -> Task<> {
            const auto key = task.key;
            co_await self.deliver(queue, std::move(task));
            self.busy.erase(key);
            self.busy.erase(subject);
            --queue.running;
            queue.ring();
        });
    }
    return begun;
}

// Nothing when the queue is empty.
Task<std::optional<std::chrono::milliseconds>> Deliveries::State::until_next(DeliveryQueue& queue) {
    const auto next = co_await store.read([&](Tx& tx) { return tx.outbox().next_due(queue.name()); });
    if (!next) co_return limits.first_wait;
    if (!*next) {
        if (const auto state = state_of(queue)) state->waiting = 0;
        co_return std::nullopt;
    }
    // Due already, and yet not begun: another entry about the same device is worked on.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(**next - clock.now());
    co_return wait.count() > 0 ? std::min(wait, limits.longest_wait) : limits.first_wait;
}

bool Deliveries::State::expired(const OutboxRecord& task) const {
    const auto patience = is_assignment_key(task.key) ? limits.patience : limits.patience * removal_patience;
    return clock.now() - task.created > patience;
}

// While the peer takes no calls, devices are not left waiting beyond their patience.
Task<> Deliveries::State::expire(DeliveryQueue& queue) {
    const auto due =
        co_await store.read([&](Tx& tx) { return tx.outbox().due(queue.name(), clock.now(), expired_at_once); });
    if (!due) co_return;
    for (const auto& task : *due) {
        if (!expired(task) || !is_assignment_key(task.key) || busy.contains(task.key)) continue;
        const auto state = state_of(queue);
        co_await settle_as_failed(
            task, Error(Errc::unavailable,
                        fmt::format("hub '{}' did not answer for {} s: {}", hub_of_queue(queue.name()),
                                    std::chrono::duration_cast<std::chrono::seconds>(limits.patience).count(),
                                    state != nullptr ? state->health().problem : "it is not linked"))
                      .with_number(code::hub_unavailable));
    }
}

Task<> Deliveries::State::deliver(DeliveryQueue& queue, OutboxRecord task) {
    const auto outcome = is_assignment_key(task.key) ? co_await assign(queue, task) : co_await remove(queue, task);
    if (!outcome) co_await put_off(queue, task, outcome.error());
}

Task<> Deliveries::State::put_off(DeliveryQueue& queue, const OutboxRecord& task, const Trouble& trouble) {
    if (trouble.of_queue) {
        queue.hold(random, limits.first_wait, limits.longest_wait);
        co_return;
    }
    log::warn("what a device waits for is tried again later",
              {{"task", task.key}, {"attempts", task.attempts + 1}, {"error", trouble.error.chain()}});
    if (expired(task) && is_assignment_key(task.key)) {
        co_await settle_as_failed(task, Error(trouble.error).with_number(code::hub_unavailable));
        co_return;
    }
    const auto written = co_await store.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(auto row, tx.outbox().find(task.key));
        if (!row || row->id != task.id) return {};
        if (expired(task)) {
            MUSTER_CHECK(tx.outbox().erase(task.key));
            return {};
        }
        ++row->attempts;
        row->due = clock.now() + backoff(task.attempts, limits.first_wait, limits.longest_wait, random);
        return tx.outbox().put(*row);
    });
    // The store is in trouble itself: not at once again.
    if (!written) queue.hold(random, limits.first_wait, limits.longest_wait);
}

// Runs `change` on the registration of an entry and takes the entry out, unless it was replaced meanwhile.
template <class Change>
Task<Result<Settled>> Deliveries::State::settle(const OutboxRecord& task, const AssignmentOrder& order,
                                                const HubList& list, Change change) {
    co_return co_await store.transact([&](Tx& tx) -> Result<Settled> {
        Settled settled;
        MUSTER_TRY(const auto row, tx.outbox().find(task.key));
        if (!row || row->id != task.id) {
            if (row) settled.wakes.push_back(row->queue);
            return settled;
        }
        MUSTER_CHECK(tx.outbox().erase(task.key));
        MUSTER_TRY(auto record, tx.registrations().find(registration_of_key(task.key)));
        if (!record) return settled;
        record->etag = make_registration_etag(random);
        record->updated = clock.now();
        Assigner assigner{tx, list, record->updated, random};
        MUSTER_CHECK(change(assigner, *record, settled));
        MUSTER_CHECK(tx.registrations().put(*record));
        MUSTER_CHECK(journal_registration(tx, *record, order.peer, order.tracking_id));
        settled.record = std::move(*record);
        return settled;
    });
}

Task<Outcome> Deliveries::State::settle_as_failed(const OutboxRecord& task, Error error) {
    const auto list = hubs.current();
    const auto order = AssignmentOrder::parse(task.body).value_or(AssignmentOrder{});
    auto settled = co_await settle(task, order, *list,
                                   [&](Assigner& assigner, RegistrationRecord& record, Settled& outcome) -> Result<> {
                                       end_as_failed(record, error);
                                       MUSTER_TRY(outcome.wakes, assigner.clean_up(order));
                                       return {};
                                   });
    if (!settled) co_return std::unexpected(Trouble{std::move(settled).error()});
    announce(order, *settled);
    co_return Outcome();
}

void Deliveries::State::announce(const AssignmentOrder& order, const Settled& settled) {
    wake_all(settled.wakes);
    if (!settled.record) return;
    log_outcome(*settled.record, order.peer, order.tracking_id);
    if (settled.record->status != "assigning") metrics.registration(settled.record->status);
}

Task<Outcome> Deliveries::State::assign(DeliveryQueue& queue, const OutboxRecord& task) {
    auto order = AssignmentOrder::parse(task.body);
    if (!order) co_return co_await settle_as_failed(task, order.error());
    if (order->webhook) co_return co_await ask(task, std::move(*order));
    const auto list = hubs.current();
    for (int attempt = 0; attempt < copy_attempts; ++attempt) {
        bool again = false;
        auto moved = co_await move_to(queue, task, *order, *list, again);
        if (!again) co_return moved;
    }
    co_return std::unexpected(Trouble{Error(Errc::io, "the device's twin changes all the time while it is copied")});
}

Task<Outcome> Deliveries::State::move_to(DeliveryQueue& queue, const OutboxRecord& task, const AssignmentOrder& order,
                                         const HubList& list, bool& again) {
    const auto* target = list.find(order.hub);
    if (target == nullptr) co_return co_await settle_as_failed(task, not_linked(order.hub));
    auto luggage = co_await pack(queue, order, list);
    if (!luggage) co_return std::unexpected(std::move(luggage).error());
    if (!target->own()) {
        auto created = co_await create(queue, *target, order, *luggage);
        if (!created && may_pass(created.error().error)) co_return created;
        if (!created)
            co_return co_await settle_as_failed(
                task, created.error().error.wrap(fmt::format("hub '{}'", target->name)).with_number(code::hub_refused));
    }
    auto settled = co_await settle(task, order, list,
                                   [&](Assigner& assigner, RegistrationRecord& record, Settled& outcome) -> Result<> {
                                       if (luggage->own) {
                                           MUSTER_TRY(const auto now, read_own_twin(assigner.tx, order.from_device));
                                           outcome.again = now && *now != *luggage->own;
                                           // The change is undone by the error.
                                           if (outcome.again) return fail(Errc::conflict, "the twin changed");
                                       }
                                       MUSTER_TRY(outcome.wakes, assigner.finish(record, order, luggage->copy));
                                       return {};
                                   });
    if (!settled && settled.error().code() == Errc::conflict) again = true;
    if (!settled) co_return std::unexpected(Trouble{std::move(settled).error()});
    announce(order, *settled);
    co_return Outcome();
}

Task<std::expected<Luggage, Trouble>> Deliveries::State::pack(DeliveryQueue& queue, const AssignmentOrder& order,
                                                              const HubList& list) {
    Luggage luggage;
    const auto effect = effect_of(order);
    const auto* from = effect.moved ? list.find(order.from_hub) : nullptr;
    if (from == nullptr || effect.twin != TwinEffect::migrate) co_return luggage;
    if (from->own()) {
        auto own = co_await store.read([&](Tx& tx) { return read_own_twin(tx, order.from_device); });
        if (!own) co_return std::unexpected(Trouble{std::move(own).error()});
        luggage.own = std::move(*own);
        if (luggage.own) luggage.copy = luggage.own->twin;
        co_return luggage;
    }
    auto& connections = queue_of(hub_queue(from->name));
    auto client = connections.take_client(outside, *from);
    if (!client) co_return std::unexpected(Trouble{std::move(client).error()});
    auto copy = co_await (*client)->read_twin(order.from_device);
    connections.give_back(std::move(*client), *from);
    if (!copy) co_return std::unexpected(note_failure(queue, *from, std::move(copy).error()));
    note_success(*from);
    luggage.copy = std::move(*copy);
    co_return luggage;
}

Task<Outcome> Deliveries::State::create(DeliveryQueue& queue, const LinkedHub& hub, const AssignmentOrder& order,
                                        const Luggage& luggage) {
    auto change = twin_change(order, effect_of(order), luggage.copy);
    const RemoteDevice device{.device_id = order.device_id,
                              .credential = order.credential,
                              .edge = order.edge,
                              .twin = std::move(change.twin),
                              .replace_twin = change.replace};
    auto client = queue.take_client(outside, hub);
    if (!client) co_return std::unexpected(Trouble{std::move(client).error()});
    auto done = co_await (*client)->put_device(device);
    queue.give_back(std::move(*client), hub);
    if (!done) co_return std::unexpected(note_failure(queue, hub, std::move(done).error()));
    note_success(hub);
    queue.release();
    co_return Outcome();
}

Task<Outcome> Deliveries::State::ask(const OutboxRecord& task, AssignmentOrder order) {
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
    const auto list = hubs.current();
    auto settled = co_await settle(task, order, *list,
                                   [&](Assigner& assigner, RegistrationRecord& record, Settled& outcome) -> Result<> {
                                       MUSTER_TRY(outcome.wakes, assigner.begin(record, order));
                                       return {};
                                   });
    if (!settled) co_return std::unexpected(Trouble{std::move(settled).error()});
    announce(order, *settled);
    co_return Outcome();
}

Task<Result<WebhookAnswer>> Deliveries::State::webhook_answer(const WebhookOrder& webhook) {
    asio::steady_timer pause(executor);
    for (int attempt = 1;; ++attempt) {
        auto reply = co_await outside.ask_webhook(webhook.url, webhook.body);
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
        pause.expires_after(backoff(attempt - 1, limits.first_wait / 2, limits.longest_wait, random));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

Task<Outcome> Deliveries::State::remove(DeliveryQueue& queue, const OutboxRecord& task) {
    const auto order = RemovalOrder::parse(task.body);
    const auto list = hubs.current();
    const auto* hub = order ? list->find(order->hub) : nullptr;
    if (hub != nullptr && !hub->own()) {
        auto client = queue.take_client(outside, *hub);
        if (!client) co_return std::unexpected(Trouble{std::move(client).error()});
        auto removed = co_await (*client)->remove_device(order->device_id, order->only_with);
        queue.give_back(std::move(*client), *hub);
        if (!removed) co_return std::unexpected(note_failure(queue, *hub, std::move(removed).error()));
        note_success(*hub);
        queue.release();
        log::info("identity removed from the hub before",
                  {{"hub", hub->name}, {"deviceId", order->device_id}, {"was there", *removed ? "yes" : "no"}});
    }
    auto erased = co_await store.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto row, tx.outbox().find(task.key));
        if (row && row->id == task.id) MUSTER_CHECK(tx.outbox().erase(task.key));
        return {};
    });
    if (!erased) co_return std::unexpected(Trouble{std::move(erased).error()});
    co_return Outcome();
}

void Deliveries::State::note_success(const LinkedHub& hub) {
    if (hub.state->works(clock.now())) log::info("hub answers", {{"hub", hub.name}});
}

Trouble Deliveries::State::note_failure(DeliveryQueue& queue, const LinkedHub& hub, Error error) {
    const bool down = takes_no_calls(error);
    if ((down || error.code() == Errc::forbidden) && hub.state->fails(error.chain(), clock.now()))
        log::warn("hub does not work", {{"hub", hub.name}, {"error", error.chain()}});
    return {std::move(error), down && hub_queue(hub.name) == queue.name()};
}

// A watch for every linked hub that has none, and a look at all of them.
void Deliveries::State::watch_hubs() {
    if (stopped) return;
    for (const auto& hub : hubs.current()->all()) {
        if (hub.own()) continue;
        auto& timer = watches[to_lower(hub.name)];
        if (timer) {
            timer->cancel();
            continue;
        }
        timer = std::make_unique<asio::steady_timer>(executor);
        spawn([name = hub.name](State& self) { return self.watch(name); });
    }
}

Task<> Deliveries::State::watch(std::string name) {
    std::unique_ptr<HubClient> client;
    std::string linked_as;
    auto& timer = *watches.at(to_lower(name));
    while (!stopped) {
        const auto list = hubs.current();
        const auto* hub = list->find(name);
        if (hub == nullptr || hub->own()) break;
        if (!client || linked_as != hub->etag) {
            auto made = outside.connect(*hub);
            client = made ? std::move(*made) : nullptr;
            linked_as = hub->etag;
        }
        auto& queue = queue_of(hub_queue(hub->name));
        if (client) {
            const auto round_trip = co_await client->probe();
            if (round_trip) {
                hub->state->measured(*round_trip);
                note_success(*hub);
                queue.release();
                wake(queue.name());
            } else {
                (void)note_failure(queue, *hub, round_trip.error());
            }
        }
        const auto half = static_cast<std::uint64_t>(limits.probe_every.count() / 2);
        timer.expires_after(std::chrono::milliseconds(half + random.below(half * 2 + 1)));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    watches.erase(to_lower(name));
}

Deliveries::Deliveries(store::Store& store, LinkedHubs& hubs, Outside& outside, const Clock& clock, Random& random,
                       metrics::Metrics& metrics, asio::any_io_executor executor, DeliveryLimits limits)
    : state_(std::make_shared<State>(store, hubs, outside, clock, random, metrics, std::move(executor), limits)) {}

Deliveries::~Deliveries() {
    stop();
}

void Deliveries::start() {
    asio::post(state_->executor, [state = state_] { state->spawn([](State& self) { return self.take_up(); }); });
}

void Deliveries::wake(std::string queue) {
    asio::post(state_->executor, [state = state_, queue = std::move(queue)] { state->wake(queue); });
}

void Deliveries::hubs_changed() {
    asio::post(state_->executor, [state = state_] {
        state->watch_hubs();
        for (const auto& [name, queue] : state->queues) queue->ring();
    });
}

void Deliveries::stop() {
    state_->stopped = true;
}

}  // namespace muster::provisioning
