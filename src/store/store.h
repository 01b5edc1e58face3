// The record store: transactions over typed records, awaited by services.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>

#include "base/task.h"
#include "store/driver.h"
#include "store/tx.h"

namespace muster::store {

class Store {
public:
    // Brings the schema forward first.
    static Result<std::unique_ptr<Store>> open(std::unique_ptr<Driver> driver);

    // `fn` is Result<T>(Tx&). It runs on a database thread, possibly more than once, and must have no effect outside
    // `tx` but its result. When it returns an error its changes are rolled back and the error is returned. The caller
    // goes on, on its own reactor, once the transaction is durable.
    template <class Fn>
    auto transact(Fn fn) -> Task<std::invoke_result_t<Fn&, Tx&>> {
        return run(&Driver::write, std::move(fn));
    }
    // The same for a `fn` that changes nothing: it sees one snapshot and waits for no writer.
    template <class Fn>
    auto read(Fn fn) -> Task<std::invoke_result_t<Fn&, Tx&>> {
        return run(&Driver::read, std::move(fn));
    }
    // Blocking, for start-up.
    Result<> transact_now(std::function<Result<>(Tx&)> fn);
    DriverStatistics statistics() const { return driver_->statistics(); }
    // Called whenever entries of the journal have been committed, on the reactor of who wrote them. Before the first
    // request.
    void on_journal(std::function<void()> told) { on_journal_ = std::move(told); }

private:
    explicit Store(std::unique_ptr<Driver> driver) : driver_(std::move(driver)) {}

    template <class Fn>
    auto run(void (Driver::*submit)(Driver::Work, Driver::Done), Fn fn) -> Task<std::invoke_result_t<Fn&, Tx&>> {
        using Outcome = std::invoke_result_t<Fn&, Tx&>;
        std::optional<Outcome> outcome;
        bool journaled = false;
        Driver::Work work = [&](Session& session) -> Result<> {
            Tx tx(session);
            outcome.emplace(fn(tx));
            journaled = tx.journaled();
            if (!*outcome) return std::unexpected(outcome->error());
            return {};
        };
        auto initiate = [&](auto handler) {
            auto executor = boost::asio::get_associated_executor(handler);
            (driver_.get()->*submit)(
                std::move(work), [handler = std::move(handler),
                                  guard = boost::asio::make_work_guard(executor)](Result<> result) mutable {
                    boost::asio::post(guard.get_executor(),
                                      [handler = std::move(handler), result = std::move(result)]() mutable {
                                          std::move(handler)(std::move(result));
                                      });
                });
        };
        auto result = co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Result<>)>(
            initiate, boost::asio::use_awaitable);
        // A commit that failed undoes what the work believed it had done.
        if (!result) co_return std::unexpected(std::move(result).error());
        if (journaled && on_journal_) on_journal_();
        co_return std::move(*outcome);
    }

    std::unique_ptr<Driver> driver_;
    std::function<void()> on_journal_;
};

}  // namespace muster::store
