// The record store: transactions over typed records, awaited by services.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/task.h"
#include "store/driver.h"
#include "store/tx.h"

namespace muster::store {

class Store {
public:
    // Brings the schema forward first.
    static Result<std::unique_ptr<Store>> open(std::unique_ptr<Driver> driver);
    ~Store();

    // `fn` is Result<T>(Tx&). It runs on a database thread, possibly more than once, and must have no effect outside
    // `tx` but its result. When it returns an error its changes are rolled back and the error is returned. The caller
    // goes on, on its own reactor, once the transaction is durable.
    template <class Fn>
    auto transact(Fn fn) -> Task<std::invoke_result_t<Fn&, Tx&>> {
        return run(&Driver::write, Function<std::invoke_result_t<Fn&, Tx&>>(std::move(fn)));
    }
    // The same for a `fn` that changes nothing: it sees one snapshot and waits for no writer.
    template <class Fn>
    auto read(Fn fn) -> Task<std::invoke_result_t<Fn&, Tx&>> {
        return run(&Driver::read, Function<std::invoke_result_t<Fn&, Tx&>>(std::move(fn)));
    }
    // Blocking, for start-up.
    Result<> transact_now(std::function<Result<>(Tx&)> fn);
    DriverStatistics statistics() const { return driver_->statistics(); }
    // Errc::unsupported once a later musterd on this database has brought its schema forward (it announces that). From
    // then on every transaction here ends as Errc::unavailable, since the tables may be others than they were.
    Task<Result<>> check_schema();
    // Driver::on_announcement; `told` must not block. Where the database is shared it is told of every topic at once:
    // of what was announced before nobody knows.
    void on_announcement(std::function<void(Topic)> told);
    bool is_shared() const { return driver_->is_shared(); }
    // Called whenever entries of the journal can be read: on the reactor of who wrote them or, where several musterds
    // write, on a thread of the driver. Before the first request.
    void on_journal(std::function<void()> told);

private:
    explicit Store(std::unique_ptr<Driver> driver);

    using Submit = void (Driver::*)(Driver::Work, Driver::Done);
    // One coroutine for each type of outcome, not for each function: they are what takes the compiler's time.
    template <class Outcome>
    using Function = std::move_only_function<Outcome(Tx&)>;

    template <class Outcome>
    Task<Outcome> run(Submit submit, Function<Outcome> fn) {
        std::optional<Outcome> outcome;
        auto result = co_await perform(submit, [&](Tx& tx) -> Result<> {
            outcome.emplace(fn(tx));
            if (!*outcome) return std::unexpected(outcome->error());
            return {};
        });
        // A commit that failed undoes what the work believed it had done.
        if (!result) co_return std::unexpected(std::move(result).error());
        co_return std::move(*outcome);
    }
    Task<Result<>> perform(Submit submit, std::function<Result<>(Tx&)> fn);
    // Runs it on a thread of the driver; the caller goes on where it is.
    Task<Result<>> run_there(Submit submit, Driver::Work work);
    Result<> check_not_outdated() const;
    // What a transaction has written to the journal, once it is durable.
    enum class Journaled { nothing, readable, pending };
    static Journaled journaled(const Tx& tx, const Session& session);
    void tell_of(Journaled journaled);

    std::atomic<bool> outdated_{false};
    // Told by threads of the driver, which therefore goes first.
    struct Listeners;
    std::unique_ptr<Listeners> listeners_;
    std::unique_ptr<Driver> driver_;
};

}  // namespace muster::store
