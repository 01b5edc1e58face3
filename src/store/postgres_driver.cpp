#include "store/postgres_driver.h"

#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "store/job_queue.h"
#include "store/postgres_journal.h"
#include "store/postgres_listener.h"
#include "store/postgres_transaction.h"

namespace muster::store {
namespace {

constexpr unsigned readers = 2;
// A change of the schema may have a large table to go through, and waits for another musterd's.
constexpr std::chrono::minutes schema_deadline{10};
// The advisory lock of whoever changes the schema: "Muster" in ASCII.
constexpr std::int64_t schema_lock = 0x4d75'7374'6572;
// What a transaction is run again for, at most; and the longest pause before it.
constexpr unsigned most_runs = 100;
constexpr std::chrono::milliseconds longest_pause{50};
constexpr std::chrono::milliseconds between_looks{200};
// What is under way when the driver closes may end by itself for so long.
constexpr std::chrono::milliseconds closing_time{1'000};

Error too_late(std::chrono::milliseconds waited) {
    return Error(Errc::unavailable,
                 fmt::format("the database had no time for a transaction within {} ms", waited.count()));
}

}  // namespace

struct PostgresDriver::State {
    explicit State(PostgresSettings settings) : context(std::move(settings)) {}

    PostgresContext context;
    PostgresCounts counts;         // of what writes
    PostgresCounts reader_counts;  // not told
    JobQueue writes;
    JobQueue reads;
    JournalSequencer sequencer;
    std::vector<std::thread> threads;
    std::mutex mutex;  // of what follows
    std::condition_variable ended;
    std::size_t working = 0;  // threads that take jobs
    std::function<void(Topic)> told;

    void start();
    template <class Loop>
    void start_thread(const char* name, Loop loop);
    void work_loop(JobQueue& queue, PostgresConnection::Use use);
    bool run_job(PostgresConnection& connection, JobQueue& queue, Job job);
    bool may_run_again(const Job& job) const;
    void note_outcome(const PostgresConnection& connection, const Result<>& result);
    PostgresAttempt run_until_done(PostgresConnection& connection, Job& job, bool writing);
    void pause(unsigned runs);
    void watch_loop();
    void give_up(JobQueue& queue, std::chrono::steady_clock::time_point older_than);
    void tell(Topic topic);
    void tell_uncertain(const std::vector<Topic>& topics);
};

// Short and by chance, so that those who were in each other's way are not again; longer when it was to no avail.
void PostgresDriver::State::pause(unsigned runs) {
    const auto most = std::min<std::int64_t>(longest_pause.count(), std::int64_t{1} << std::min(runs, 6U));
    context.interrupted.sleep(std::chrono::milliseconds(SystemRandom().below(static_cast<std::uint64_t>(most) + 1)));
}

PostgresAttempt PostgresDriver::State::run_until_done(PostgresConnection& connection, Job& job, bool writing) {
    const auto until = std::chrono::steady_clock::now() + context.settings.queue_deadline;
    auto& counted = writing ? counts : reader_counts;
    const auto how = writing ? begin_serializable : begin_snapshot;
    bool taken_before = false;
    for (unsigned runs = 1;; ++runs) {
        auto attempted = attempt(connection, job.work, how, context.tag, counted);
        const bool again = attempted.next == PostgresAttempt::Next::again ||
                           (attempted.next == PostgresAttempt::Next::again_once && !taken_before);
        if (!again) return attempted;
        taken_before |= attempted.next == PostgresAttempt::Next::again_once;
        if (runs == most_runs || std::chrono::steady_clock::now() > until)
            return {PostgresAttempt::Next::answer,
                    fail(attempted.result.error().wrap(
                        Errc::unavailable, fmt::format("a transaction met others in its way {} times", runs)))};
        ++counted.retries;
        pause(runs);
    }
}

// Its statement may be what costs the connections, and others wait.
bool PostgresDriver::State::may_run_again(const Job& job) const {
    return std::chrono::steady_clock::now() - job.since < context.settings.queue_deadline;
}

void PostgresDriver::State::note_outcome(const PostgresConnection& connection, const Result<>& result) {
    if (result) context.note_change();
    if (const auto& failure = connection.failure(); failure && failure->of_server) context.note_refusal(failure->error);
}

// Whether the connection is of use for the next.
bool PostgresDriver::State::run_job(PostgresConnection& connection, JobQueue& queue, Job job) {
    const bool writing = &queue == &writes;
    auto [next, result, uncertain] = run_until_done(connection, job, writing);
    tell_uncertain(uncertain);
    if (writing) note_outcome(connection, result);
    if (next != PostgresAttempt::Next::reconnect) {
        job.done(std::move(result));
        return true;
    }
    if (!may_run_again(job)) {
        job.done(fail(result.error().wrap(Errc::unavailable,
                                          "a transaction lost its connection, and there is no time to run it again")));
        return false;
    }
    if (++job.losses == 1)
        log::warn("a transaction lost its connection before its commit and is run again",
                  {{"error", result.error().chain()}});
    pause(job.losses);
    queue.put_back(std::move(job));
    return false;
}

void PostgresDriver::State::work_loop(JobQueue& queue, PostgresConnection::Use use) {
    PostgresLink link(context, use);
    while (auto* connection = link.get()) {
        auto jobs = queue.take(1);
        if (jobs.empty()) break;
        if (!run_job(*connection, queue, std::move(jobs.front()))) link.drop();
    }
    const std::lock_guard lock(mutex);
    --working;
    ended.notify_all();
}

void PostgresDriver::State::give_up(JobQueue& queue, std::chrono::steady_clock::time_point older_than) {
    for (auto& job : queue.take_older(older_than)) job.done(fail(too_late(context.settings.queue_deadline)));
}

// Devices whose requests wait for a database that is away are told to come again; the queues stay short.
void PostgresDriver::State::watch_loop() {
    while (context.closing.sleep(between_looks)) {
        const auto older_than = std::chrono::steady_clock::now() - context.settings.queue_deadline;
        give_up(writes, older_than);
        give_up(reads, older_than);
    }
}

void PostgresDriver::State::tell(Topic topic) {
    const std::lock_guard lock(mutex);
    if (told) told(topic);
}

// It may have been committed, or be so in a moment: what is committed by now is read anew, and what comes later is
// heard.
void PostgresDriver::State::tell_uncertain(const std::vector<Topic>& topics) {
    if (topics.empty()) return;
    context.hears_itself = true;
    for (const auto topic : topics) tell(topic);
}

// Names that `top -H` and `perf` show.
template <class Loop>
void PostgresDriver::State::start_thread(const char* name, Loop loop) {
    threads.emplace_back([name, loop = std::move(loop)] {
        pthread_setname_np(pthread_self(), name);
        loop();
    });
}

void PostgresDriver::State::start() {
    using Use = PostgresConnection::Use;
    working = context.settings.connections + readers;
    for (unsigned i = 0; i < context.settings.connections; ++i)
        start_thread("store-writer", [this] { work_loop(writes, Use::writing); });
    for (unsigned i = 0; i < readers; ++i) start_thread("store-reader", [this] { work_loop(reads, Use::reading); });
    start_thread("store-watch", [this] { watch_loop(); });
    start_thread("store-listener", [this] {
        PostgresLink link(context, Use::reading);
        listen_to_announcements(link, [this](Topic topic) { tell(topic); });
    });
    start_thread("store-journal", [this] {
        PostgresLink link(context, Use::writing);
        sequencer.run(link, [this] { tell(Topic::journal); });
    });
}

PostgresDriver::PostgresDriver(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<PostgresDriver>> PostgresDriver::open(PostgresSettings settings) {
    MUSTER_CHECK(check(settings));
    auto state = std::make_unique<State>(std::move(settings));
    MUSTER_TRY(const auto tried, PostgresConnection::open(state->context.settings, PostgresConnection::Use::writing,
                                                          state->context.interrupted));
    state->start();
    return std::unique_ptr<PostgresDriver>(new PostgresDriver(std::move(state)));
}

PostgresDriver::~PostgresDriver() {
    auto& state = *state_;
    state.writes.close();
    state.reads.close();
    state.sequencer.close();
    state.context.closing.raise();
    {
        std::unique_lock lock(state.mutex);
        state.ended.wait_for(lock, closing_time, [&] { return state.working == 0; });
    }
    state.context.interrupted.raise();
    for (auto& thread : state.threads) thread.join();
    for (auto* queue : {&state.writes, &state.reads})
        for (auto& job : queue->take_older(std::chrono::steady_clock::time_point::max()))
            job.done(fail(Errc::unavailable, "musterd is closing"));
}

void PostgresDriver::write(Work work, Done done) {
    ++state_->counts.transactions;
    state_->writes.push({.work = std::move(work), .done = std::move(done)});
}

void PostgresDriver::read(Work work, Done done) {
    state_->reads.push({.work = std::move(work), .done = std::move(done)});
}

Result<> PostgresDriver::write_now(Work work) {
    return write_and_wait(*this, std::move(work));
}

Result<> PostgresDriver::write_alone(Work work) {
    auto settings = state_->context.settings;
    settings.statement_deadline = schema_deadline;
    settings.transaction_deadline = schema_deadline;
    MUSTER_TRY(const auto connection,
               PostgresConnection::open(settings, PostgresConnection::Use::reading, state_->context.interrupted));
    Work alone = [&](Session& session) -> Result<> {
        MUSTER_CHECK(session.query("SELECT pg_advisory_xact_lock($1)", {schema_lock}, [](const Row&) {}));
        return work(session);
    };
    return attempt(*connection, alone, begin_read_committed, state_->context.tag, state_->counts).result;
}

DriverStatistics PostgresDriver::statistics() const {
    const auto& counts = state_->counts;
    return {.transactions = counts.transactions.load(),
            .commits = counts.commits.load(),
            .queued = state_->writes.size(),
            .commit_nanoseconds = counts.commit_nanoseconds.load(),
            .retries = counts.retries.load()};
}

void PostgresDriver::on_announcement(std::function<void(Topic)> told) {
    const std::lock_guard lock(state_->mutex);
    state_->told = std::move(told);
}

std::span<const std::string_view> PostgresDriver::own_schema() const {
    return postgres_schema();
}

void PostgresDriver::journal_written() {
    state_->sequencer.wake();
}

}  // namespace muster::store
