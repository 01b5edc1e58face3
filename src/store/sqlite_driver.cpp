#include "store/sqlite_driver.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "store/job_queue.h"
#include "store/sqlite_connection.h"

namespace muster::store {
namespace {

// Many transactions, one fsync; beyond this many the first would wait too long for the last.
constexpr std::size_t batch_limit = 256;
// When the WAL is copied back into the database: a page that changed many times meanwhile is copied once, and in a
// large store changes lie far apart, so the WAL may grow with the store, to an eighth of its pages (4 KiB each) within
// these bounds.
constexpr std::int64_t least_checkpoint_pages = 8'192;
constexpr std::int64_t most_checkpoint_pages = 16'384;
// Readers may have kept it from being emptied for long: then it is done with the writer standing still.
constexpr std::int64_t forced_checkpoint_pages = 2 * most_checkpoint_pages;

Result<> run(SqliteConnection& connection, std::string_view statement) {
    MUSTER_CHECK(connection.execute(statement, {}));
    return {};
}

// One work of a batch. Nothing when the batch itself is no longer sound: a savepoint failed, or SQLite rolled the whole
// transaction back (as it does when the disk is full); then no work of the batch may be answered as done.
std::optional<Result<>> run_in_savepoint(SqliteConnection& connection, Driver::Work& work) {
    if (!run(connection, "SAVEPOINT job")) return std::nullopt;
    auto result = run_guarded(work, connection);
    if (sqlite3_get_autocommit(connection.get()) != 0) return std::nullopt;
    if (!result && !run(connection, "ROLLBACK TO job")) return std::nullopt;
    if (!run(connection, "RELEASE job")) return std::nullopt;
    return result;
}

std::int64_t database_pages(SqliteConnection& connection) {
    std::int64_t pages = 0;
    if (!connection.query("PRAGMA page_count", {}, [&](const Row& row) { pages = row.integer(0); })) return 0;
    return pages;
}

}  // namespace

struct SqliteDriver::State {
    std::unique_ptr<SqliteConnection> writer;
    std::vector<std::unique_ptr<SqliteConnection>> readers;
    std::unique_ptr<SqliteConnection> checkpointer;
    JobQueue writes;
    JobQueue reads;
    std::thread writer_thread;
    std::vector<std::thread> reader_threads;
    std::thread checkpoint_thread;
    std::mutex checkpoint_mutex;
    std::condition_variable checkpoint_wanted;
    bool checkpoint_due = false;
    bool closing = false;
    std::int64_t wal_pages = 0;  // this and the next: of the writer thread
    std::int64_t checkpoint_pages = least_checkpoint_pages;
    std::atomic<std::uint64_t> transactions{0};
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> commit_nanoseconds{0};

    void write_loop();
    void commit(std::deque<Job>& jobs);
    Result<> run_batch(std::deque<Job>& jobs, std::vector<Result<>>& results);
    void give_up_batch(const Error& error, std::size_t transactions_lost);
    void read_loop(SqliteConnection& connection);
    void checkpoint_loop();
    void after_commit();
};

Result<> SqliteDriver::State::run_batch(std::deque<Job>& jobs, std::vector<Result<>>& results) {
    MUSTER_CHECK(run(*writer, "BEGIN IMMEDIATE"));
    for (auto& job : jobs) {
        auto result = run_in_savepoint(*writer, job.work);
        if (!result)
            return fail(Errc::unavailable, "the database gave up a transaction: {}", sqlite3_errmsg(writer->get()));
        results.push_back(std::move(*result));
    }
    const auto began = std::chrono::steady_clock::now();
    auto committed = run(*writer, "COMMIT");
    commit_nanoseconds += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - began).count());
    return committed;
}

void SqliteDriver::State::give_up_batch(const Error& error, std::size_t transactions_lost) {
    log::error("the database refused a commit", {{"error", error.chain()}, {"transactions", transactions_lost}});
    if (sqlite3_get_autocommit(writer->get()) != 0) return;  // it was rolled back already
    if (auto undone = run(*writer, "ROLLBACK"); !undone)
        log::error("a failed transaction could not be rolled back", {{"error", undone.error().chain()}});
}

void SqliteDriver::State::commit(std::deque<Job>& jobs) {
    std::vector<Result<>> results;
    results.reserve(jobs.size());
    const auto batch = run_batch(jobs, results);
    if (!batch) give_up_batch(batch.error(), jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i)
        jobs[i].done(batch ? std::move(results[i]) : Result<>(std::unexpected(batch.error())));
    ++commits;
}

void SqliteDriver::State::after_commit() {
    if (wal_pages >= forced_checkpoint_pages) {
        sqlite3_wal_checkpoint_v2(writer->get(), nullptr, SQLITE_CHECKPOINT_RESTART, nullptr, nullptr);
        wal_pages = 0;
    } else if (wal_pages >= checkpoint_pages) {
        const auto eighth = database_pages(*writer) / 8;
        checkpoint_pages = std::clamp(eighth, least_checkpoint_pages, most_checkpoint_pages);
        if (wal_pages < checkpoint_pages) return;
        {
            const std::lock_guard lock(checkpoint_mutex);
            checkpoint_due = true;
        }
        checkpoint_wanted.notify_one();
    }
}

void SqliteDriver::State::write_loop() {
    for (;;) {
        auto jobs = writes.take(batch_limit);
        if (jobs.empty()) return;
        transactions += jobs.size();
        commit(jobs);
        after_commit();
    }
}

void SqliteDriver::State::read_loop(SqliteConnection& connection) {
    for (;;) {
        auto jobs = reads.take(1);
        if (jobs.empty()) return;
        auto& job = jobs.front();
        // One snapshot for all statements of the work.
        Result<> result = run(connection, "BEGIN");
        if (result) result = run_guarded(job.work, connection);
        if (sqlite3_get_autocommit(connection.get()) == 0) {
            if (auto ended = run(connection, "COMMIT"); !ended && result) result = std::move(ended);
        }
        job.done(std::move(result));
    }
}

void SqliteDriver::State::checkpoint_loop() {
    std::unique_lock lock(checkpoint_mutex);
    for (;;) {
        checkpoint_wanted.wait(lock, [&] { return closing || checkpoint_due; });
        if (closing) return;
        checkpoint_due = false;
        lock.unlock();
        sqlite3_wal_checkpoint_v2(checkpointer->get(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
        lock.lock();
    }
}

SqliteDriver::SqliteDriver(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<SqliteDriver>> SqliteDriver::open(const std::filesystem::path& file, unsigned readers,
                                                         std::size_t cache_bytes) {
    auto state = std::make_unique<State>();
    MUSTER_TRY(state->writer, SqliteConnection::open(file, false, cache_bytes));
    MUSTER_TRY(state->checkpointer, SqliteConnection::open(file, false));
    for (unsigned i = 0; i < readers; ++i) {
        MUSTER_TRY(auto reader, SqliteConnection::open(file, true, cache_bytes / 4));
        state->readers.push_back(std::move(reader));
    }
    auto* raw = state.get();
    sqlite3_wal_hook(
        raw->writer->get(),
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<State*>(self)->wal_pages = pages;
            return SQLITE_OK;
        },
        raw);
    // Names that `top -H` and `perf` show.
    raw->writer_thread = std::thread([raw] {
        pthread_setname_np(pthread_self(), "store-writer");
        raw->write_loop();
    });
    raw->checkpoint_thread = std::thread([raw] {
        pthread_setname_np(pthread_self(), "store-checkpt");
        raw->checkpoint_loop();
    });
    for (auto& reader : raw->readers)
        raw->reader_threads.emplace_back([raw, connection = reader.get()] {
            pthread_setname_np(pthread_self(), "store-reader");
            raw->read_loop(*connection);
        });
    return std::unique_ptr<SqliteDriver>(new SqliteDriver(std::move(state)));
}

SqliteDriver::~SqliteDriver() {
    state_->writes.close();
    state_->reads.close();
    {
        const std::lock_guard lock(state_->checkpoint_mutex);
        state_->closing = true;
    }
    state_->checkpoint_wanted.notify_all();
    state_->writer_thread.join();
    state_->checkpoint_thread.join();
    for (auto& thread : state_->reader_threads) thread.join();
    // Everything back into the one file, so that a copy of it is a backup.
    state_->readers.clear();
    sqlite3_wal_checkpoint_v2(state_->writer->get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
}

std::int64_t SqliteDriver::memory_in_use() {
    return sqlite3_memory_used();
}

void SqliteDriver::write(Work work, Done done) {
    state_->writes.push({.work = std::move(work), .done = std::move(done)});
}

void SqliteDriver::read(Work work, Done done) {
    state_->reads.push({.work = std::move(work), .done = std::move(done)});
}

Result<> SqliteDriver::write_now(Work work) {
    return write_and_wait(*this, std::move(work));
}

DriverStatistics SqliteDriver::statistics() const {
    return {state_->transactions.load(), state_->commits.load(), state_->writes.size(),
            state_->commit_nanoseconds.load()};
}

}  // namespace muster::store
