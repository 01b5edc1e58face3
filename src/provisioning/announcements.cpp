#include "provisioning/announcements.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <map>
#include <mutex>
#include <vector>

#include "base/log.h"
#include "provisioning/delivery_queue.h"

namespace muster::provisioning {

namespace asio = boost::asio;

using store::Topic;
using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds shortest_pause{20};
constexpr milliseconds first_wait{1'000};
constexpr milliseconds longest_wait{30'000};

}  // namespace

struct Announcements::State : std::enable_shared_from_this<Announcements::State> {
    struct Named {
        std::string what;
        Step step;
    };
    // Of the executor's thread, but for the steps, which stay as they are.
    struct Subject {
        std::vector<Named> steps;
        bool running = false;
        bool again = false;
    };

    State(asio::any_io_executor its_executor, Random& its_random)
        : executor(std::move(its_executor)), random(its_random) {}

    void tell(Topic topic);
    void begin(Subject& subject);
    Task<> rounds(Subject& subject);
    Task<bool> round(const Subject& subject);

    const asio::any_io_executor executor;
    Random& random;
    std::map<Topic, Subject> subjects;
    std::mutex mutex;
    bool closed = false;  // the executor may be gone
};

void Announcements::State::tell(Topic topic) {
    const std::lock_guard lock(mutex);
    if (closed) return;
    const auto subject = subjects.find(topic);
    if (subject == subjects.end()) return;
    asio::post(executor, [self = shared_from_this(), subject] { self->begin(subject->second); });
}

void Announcements::State::begin(Subject& subject) {
    subject.again = true;
    if (std::exchange(subject.running, true)) return;
    asio::co_spawn(
        executor, [self = shared_from_this(), &subject]() -> Task<> { co_await self->rounds(subject); },
        asio::detached);
}

Task<> Announcements::State::rounds(Subject& subject) {
    asio::steady_timer timer(executor);
    std::int64_t failures = 0;
    while (std::exchange(subject.again, false)) {
        const auto began = Steady::now();
        const bool good = co_await round(subject);
        auto pause = std::max(shortest_pause, std::chrono::duration_cast<milliseconds>(Steady::now() - began));
        if (!good) pause = backoff(failures++, first_wait, longest_wait, random);
        if (good) failures = 0;
        if (!good) subject.again = true;
        timer.expires_after(pause);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    subject.running = false;
}

Task<bool> Announcements::State::round(const Subject& subject) {
    bool good = true;
    for (const auto& [what, step] : subject.steps) {
        const auto done = co_await step();
        if (!done)
            log::error("what another musterd changed is not in force here yet",
                       {{"what", what}, {"error", done.error().chain()}});
        good = good && done;
    }
    co_return good;
}

Announcements::Announcements(asio::any_io_executor executor, Random& random)
    : state_(std::make_shared<State>(std::move(executor), random)) {}

Announcements::~Announcements() {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
}

void Announcements::on(Topic topic, std::string what, Step step) {
    state_->subjects[topic].steps.push_back({std::move(what), std::move(step)});
}

void Announcements::tell(Topic topic) {
    state_->tell(topic);
}

std::function<void(Topic)> Announcements::teller() const {
    return [state = state_](Topic topic) { state->tell(topic); };
}

}  // namespace muster::provisioning
