#include "provisioning/deliveries.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <future>
#include <map>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "provisioning/delivery_work.h"
#include "provisioning/errors.h"

namespace muster::provisioning {

namespace asio = boost::asio;

using store::OutboxRecord;
using store::Tx;

namespace {

// Identities to be removed are given up after a week: their hub is gone, and its operator has to see to them.
constexpr int removal_patience = 168;  // times the patience of an assignment
constexpr std::size_t expired_at_once = 64;
constexpr std::size_t most_counted = 200'000;

// The device at the hub that an entry is about: two entries about the same one are not done at once.
std::string subject_of(const OutboxRecord& task) {
    if (!is_assignment_key(task.key)) {
        const auto removal = RemovalOrder::parse(task.body);
        return removal ? removal_key(removal->hub, removal->device_id) : task.key;
    }
    const auto order = AssignmentOrder::parse(task.body);
    return order && !order->hub.empty() ? removal_key(order->hub, order->device_id) : task.key;
}

}  // namespace

struct Deliveries::State : std::enable_shared_from_this<Deliveries::State> {
    DeliveryTools tools;
    DeliveryClaims claims;
    DeliveryWork work;
    std::atomic<bool> stopped{false};

    // Of the executor's thread alone:
    std::map<std::string, std::unique_ptr<DeliveryQueue>> queues;
    std::set<std::string> busy;  // keys and subjects of the entries that are worked on
    std::map<std::string, std::unique_ptr<asio::steady_timer>> watches;
    asio::steady_timer idle;  // cancelled whenever nothing is worked on any more

    explicit State(DeliveryTools given)
        : tools(std::move(given)),
          claims(tools.store, tools.clock, tools.random, tools.limits.longest_call),
          work(tools, claims, [this](const Wakes& wakes) { wake_all(wakes); }),
          idle(tools.executor) {}

    template <class Job>
    void spawn(Job job) {
        asio::co_spawn(
            tools.executor,
            [self = shared_from_this(), job = std::move(job)]() mutable -> Task<> { co_await job(*self); },
            [](const std::exception_ptr& problem) {
                if (problem) std::rethrow_exception(problem);
            });
    }

    DeliveryQueue& queue_of(const std::string& name);
    // Of the hub that the queue is for; nothing for a webhook's, and for a hub that is not linked any more.
    std::shared_ptr<HubState> state_of(const DeliveryQueue& queue) const;
    void wake(const std::string& name);
    void wake_all(const Wakes& wakes);
    Task<> take_up();
    Task<> begin_queues();
    Task<> pump(DeliveryQueue& queue);
    Task<Result<std::vector<OutboxRecord>>> fetch(DeliveryQueue& queue);
    std::size_t begin(DeliveryQueue& queue, std::vector<OutboxRecord> batch);
    Task<std::optional<std::chrono::milliseconds>> until_next(DeliveryQueue& queue);
    Task<> look_around(DeliveryQueue& queue);
    Task<> finish(std::chrono::milliseconds patience);
    Task<> expire(DeliveryQueue& queue);
    Error no_answer(const DeliveryQueue& queue) const;
    bool expired(const OutboxRecord& task) const;

    Task<> deliver(DeliveryQueue& queue, OutboxRecord task, std::string subject);
    Task<> put_off(DeliveryQueue& queue, const OutboxRecord& task, const Trouble& trouble);
    void watch_hubs();
    Task<> watch(std::string name);
};

DeliveryQueue& Deliveries::State::queue_of(const std::string& name) {
    auto& queue = queues[name];
    if (!queue) queue = std::make_unique<DeliveryQueue>(name, tools.executor);
    return *queue;
}

std::shared_ptr<HubState> Deliveries::State::state_of(const DeliveryQueue& queue) const {
    const auto list = tools.hubs.current();
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

// What a former run left; and again and again what other musterds leave.
Task<> Deliveries::State::take_up() {
    co_await begin_queues();
    watch_hubs();
    if (!claims.needed()) co_return;
    asio::steady_timer timer(tools.executor);
    while (!stopped) {
        co_await claims.forget_ended();
        timer.expires_after(tools.limits.probe_every);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        co_await begin_queues();
    }
}

Task<> Deliveries::State::begin_queues() {
    auto names = co_await tools.store.read([](Tx& tx) { return tx.outbox().queues(); });
    if (names) {
        wake_all(*names);
    } else {
        log::error("the outbox cannot be read", {{"error", names.error().chain()}});
    }
}

Task<> Deliveries::State::pump(DeliveryQueue& queue) {
    while (!stopped) {
        queue.listen();
        if (queue.looks_around()) co_await look_around(queue);
        if (queue.running >= tools.limits.calls_at_once) {
            co_await queue.wait(tools.limits.longest_wait);
            continue;
        }
        if (queue.held()) {
            co_await queue.wait(std::max(queue.held_for(), std::chrono::milliseconds(1)));
            continue;
        }
        auto batch = co_await fetch(queue);
        if (!batch) {
            log::error("the outbox cannot be read", {{"error", batch.error().chain()}});
            co_await queue.wait(tools.limits.first_wait);
            continue;
        }
        if (begin(queue, std::move(*batch)) > 0) continue;
        const auto next = co_await until_next(queue);
        if (queue.rung()) continue;
        if (!next && queue.running == 0) break;
        co_await queue.wait(next.value_or(tools.limits.longest_wait));
    }
    queue.pumping = false;
    // Hubs are few, and their connections are kept.
    if (!stopped && hub_of_queue(queue.name()).empty()) queues.erase(queue.name());
}

Task<Result<std::vector<OutboxRecord>>> Deliveries::State::fetch(DeliveryQueue& queue) {
    // Those that are worked on, here or elsewhere, are still in the outbox.
    const auto limit = tools.limits.calls_at_once + queue.running + queue.left_to_others();
    co_return co_await tools.store.read(
        [&](Tx& tx) { return tx.outbox().due(queue.name(), tools.clock.now(), limit); });
}

// How many were begun.
std::size_t Deliveries::State::begin(DeliveryQueue& queue, std::vector<OutboxRecord> batch) {
    std::size_t begun = 0;
    for (auto& task : batch) {
        if (stopped || queue.running >= tools.limits.calls_at_once) break;
        const auto subject = subject_of(task);
        if (busy.contains(task.key) || busy.contains(subject) || queue.is_left_to_others(task.key)) continue;
        busy.insert(task.key);
        busy.insert(subject);
        ++queue.running;
        ++begun;
        spawn([&queue, subject, task = std::move(task)](State& self) mutable -> Task<> {
            const auto key = task.key;
            co_await self.deliver(queue, std::move(task), subject);
            self.busy.erase(key);
            self.busy.erase(subject);
            --queue.running;
            queue.ring();
            if (self.busy.empty()) self.idle.cancel();
        });
    }
    return begun;
}

// Nothing when the queue is empty.
Task<std::optional<std::chrono::milliseconds>> Deliveries::State::until_next(DeliveryQueue& queue) {
    const auto next = co_await tools.store.read([&](Tx& tx) { return tx.outbox().next_due(queue.name()); });
    if (!next) co_return tools.limits.first_wait;
    if (!*next) {
        if (const auto state = state_of(queue)) state->waiting = 0;
        co_return std::nullopt;
    }
    // Due already, and yet not begun: another entry about the same device is worked on.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(**next - tools.clock.now());
    co_return wait.count() > 0 ? std::min(wait, tools.limits.longest_wait) : tools.limits.first_wait;
}

Task<> Deliveries::State::finish(std::chrono::milliseconds patience) {
    idle.expires_after(patience);
    if (!busy.empty()) co_await idle.async_wait(asio::as_tuple(asio::use_awaitable));
    co_await claims.leave_to_others();
}

bool Deliveries::State::expired(const OutboxRecord& task) const {
    const auto patience =
        is_assignment_key(task.key) ? tools.limits.patience : tools.limits.patience * removal_patience;
    return tools.clock.now() - task.created > patience;
}

Task<> Deliveries::State::look_around(DeliveryQueue& queue) {
    if (const auto state = state_of(queue)) {
        const auto waiting =
            co_await tools.store.read([&](Tx& tx) { return tx.outbox().count(queue.name(), most_counted); });
        if (waiting) state->waiting = *waiting;
    }
    if (queue.failing()) co_await expire(queue);
}

// While the peer takes no calls, devices are not left waiting beyond their patience.
Task<> Deliveries::State::expire(DeliveryQueue& queue) {
    for (std::size_t ended = expired_at_once; ended > 0 && !stopped;) {
        // Those that are worked on are still in the outbox.
        const auto limit = expired_at_once + queue.running;
        const auto waited = co_await tools.store.read([&](Tx& tx) {
            return tx.outbox().assignments_before(queue.name(), tools.clock.now() - tools.limits.patience, limit);
        });
        if (!waited) co_return;
        ended = 0;
        for (const auto& task : *waited) {
            if (busy.contains(task.key)) continue;
            if (co_await work.settle_as_failed(task, no_answer(queue))) ++ended;
        }
    }
}

Error Deliveries::State::no_answer(const DeliveryQueue& queue) const {
    const auto patience = std::chrono::duration_cast<std::chrono::seconds>(tools.limits.patience);
    const auto state = state_of(queue);
    return Error(Errc::unavailable,
                 fmt::format("hub '{}' did not answer for {} s: {}", hub_of_queue(queue.name()), patience.count(),
                             state != nullptr ? state->health().problem : "it is not linked"))
        .with_number(code::hub_unavailable);
}

Task<> Deliveries::State::deliver(DeliveryQueue& queue, OutboxRecord task, std::string subject) {
    const auto taken = co_await claims.take(task, subject);
    if (!taken) {
        log::error("what a device waits for cannot be claimed", {{"task", task.key}, {"error", taken.error().chain()}});
        queue.hold(tools.random, tools.limits.first_wait, tools.limits.longest_wait);
        co_return;
    }
    if (!*taken) {
        queue.leave_to_others(task.key, tools.limits.first_wait);
        co_return;
    }
    if (!stopped) {
        const auto outcome = co_await work.deliver(queue, task);
        if (!outcome) co_await put_off(queue, task, outcome.error());
    }
    co_await claims.release(task);
}

Task<> Deliveries::State::put_off(DeliveryQueue& queue, const OutboxRecord& task, const Trouble& trouble) {
    const auto& limits = tools.limits;
    const auto pause = [&] { queue.hold(tools.random, limits.first_wait, limits.longest_wait); };
    if (trouble.of_queue) {
        pause();
        co_return;
    }
    log::warn("what a device waits for is tried again later",
              {{"task", task.key}, {"attempts", task.attempts + 1}, {"error", trouble.error.chain()}});
    if (expired(task) && is_assignment_key(task.key)) {
        const auto ended =
            co_await work.settle_as_failed(task, Error(trouble.error).with_number(code::hub_unavailable));
        if (!ended) pause();
        co_return;
    }
    const auto written = co_await tools.store.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(auto row, tx.outbox().find(task.key));
        if (!row || row->id != task.id) return {};
        if (expired(task)) {
            MUSTER_CHECK(tx.outbox().erase(task.key));
            return {};
        }
        ++row->attempts;
        row->due = tools.clock.now() + backoff(task.attempts, limits.first_wait, limits.longest_wait, tools.random);
        return tx.outbox().put(*row);
    });
    // The store is in trouble itself: not at once again.
    if (!written) pause();
}

// A watch for every linked hub that has none, and a look at all of them.
void Deliveries::State::watch_hubs() {
    if (stopped) return;
    const auto list = tools.hubs.current();
    for (const auto& hub : list->all()) {
        if (hub.own()) continue;
        auto& timer = watches[to_lower(hub.name)];
        if (timer) {
            timer->cancel();
            continue;
        }
        timer = std::make_unique<asio::steady_timer>(tools.executor);
        spawn([name = hub.name](State& self) { return self.watch(name); });
    }
}

Task<> Deliveries::State::watch(std::string name) {
    std::unique_ptr<HubClient> client;
    std::string linked_as;
    auto& timer = *watches.at(to_lower(name));
    while (!stopped) {
        const auto list = tools.hubs.current();
        const auto* hub = list->find(name);
        if (hub == nullptr || hub->own()) break;
        if (!client || linked_as != hub->etag) {
            auto made = tools.outside.connect(*hub);
            client = made ? std::move(*made) : nullptr;
            linked_as = hub->etag;
        }
        auto& queue = queue_of(hub_queue(hub->name));
        if (client) {
            const auto round_trip = co_await client->probe();
            if (round_trip) {
                hub->state->measured(*round_trip);
                work.note_success(*hub);
                queue.release();
                wake(queue.name());
            } else {
                (void)work.note_failure(queue.name(), *hub, round_trip.error());
            }
        }
        const auto half = static_cast<std::uint64_t>(tools.limits.probe_every.count() / 2);
        timer.expires_after(std::chrono::milliseconds(half + tools.random.below(half * 2 + 1)));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    watches.erase(to_lower(name));
}

Deliveries::Deliveries(store::Store& store, const Groups& groups, LinkedHubs& hubs, Outside& outside,
                       const Clock& clock, Random& random, metrics::Metrics& metrics, asio::any_io_executor executor,
                       DeliveryLimits limits)
    : state_(std::make_shared<State>(
          DeliveryTools{store, groups, hubs, outside, clock, random, metrics, std::move(executor), limits})) {}

Deliveries::~Deliveries() {
    stop();
}

void Deliveries::start() {
    asio::post(state_->tools.executor, [state = state_] { state->spawn([](State& self) { return self.take_up(); }); });
}

void Deliveries::wake(std::string queue) {
    asio::post(state_->tools.executor, [state = state_, queue = std::move(queue)] { state->wake(queue); });
}

void Deliveries::hubs_changed() {
    asio::post(state_->tools.executor, [state = state_] {
        state->watch_hubs();
        for (const auto& [name, queue] : state->queues) queue->ring();
    });
}

void Deliveries::look_at_all() {
    asio::post(state_->tools.executor,
               [state = state_] { state->spawn([](State& self) { return self.begin_queues(); }); });
}

void Deliveries::stop() {
    state_->stopped = true;
}

void Deliveries::finish(std::chrono::milliseconds patience) {
    stop();
    auto told = std::make_shared<std::promise<void>>();
    const auto over = told->get_future();
    asio::post(state_->tools.executor, [state = state_, told, patience] {
        state->spawn([told, patience](State& self) -> Task<> {
            co_await self.finish(patience);
            told->set_value();
        });
    });
    // A loop that hangs, or a database that does not answer, holds nobody up.
    over.wait_for(2 * patience);
}

}  // namespace muster::provisioning
