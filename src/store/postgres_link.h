// What the threads of a driver connect by, each for itself, and how they come back when the database was away.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "base/random.h"
#include "store/postgres_connection.h"

namespace muster::store {

// What all of them share.
struct PostgresContext {
    explicit PostgresContext(PostgresSettings given) : settings(std::move(given)), tag(SystemRandom().guid()) {}

    // Says once that the database is away, now and then that it still is, and once that it is back.
    void note_failure(const Error& error);
    void note_success();
    // The same for a server that can be reached and changes nothing: its disk is full, say.
    void note_refusal(const Error& error);
    void note_change();

    const PostgresSettings settings;
    const std::string tag;  // what this driver calls itself to others
    // Whether it listens to itself, too: whose change was committed without its hearing so has yet to read it anew.
    std::atomic<bool> hears_itself{false};
    StopSignal closing;      // nothing is tried again
    StopSignal interrupted;  // what is under way ends, too

private:
    // What is said when it begins, and now and then while it lasts.
    struct Trouble {
        std::atomic<bool> on{false};
        std::chrono::steady_clock::time_point said{};
        std::chrono::steady_clock::time_point seen{};  // last

        bool is_to_be_said();
    };

    std::mutex mutex_;
    Trouble away_;
    Trouble refusing_;
};

// One thread's connection.
class PostgresLink {
public:
    PostgresLink(PostgresContext& context, PostgresConnection::Use use) : context_(context), use_(use) {}

    // The connection; a new one, for as long as that takes, when there is none that is of use. Null when the driver
    // closes.
    PostgresConnection* get();
    // Whether the connection that `get` gave last is a new one.
    bool is_new() const { return new_; }
    // It was found to be of no use, though it is not lost.
    void drop() { connection_.reset(); }
    PostgresContext& context() { return context_; }

private:
    PostgresContext& context_;
    PostgresConnection::Use use_;
    std::unique_ptr<PostgresConnection> connection_;
    bool new_ = false;
};

}  // namespace muster::store
