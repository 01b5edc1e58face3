#include "store/store.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "store/schema.h"

namespace muster::store {

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Driver> driver) {
    MUSTER_CHECK(migrate(*driver));
    return std::unique_ptr<Store>(new Store(std::move(driver)));
}

Result<> Store::transact_now(std::function<Result<>(Tx&)> fn) {
    return driver_->write_now([&](Session& session) -> Result<> {
        Tx tx(session);
        return fn(tx);
    });
}

Task<Result<>> Store::perform(Submit submit, std::function<Result<>(Tx&)> fn) {
    bool journaled = false;
    Driver::Work work = [&](Session& session) -> Result<> {
        Tx tx(session);
        auto result = fn(tx);
        journaled = tx.journaled();
        return result;
    };
    auto initiate = [&](auto handler) {
        auto executor = boost::asio::get_associated_executor(handler);
        (driver_.get()->*submit)(
            std::move(work),
            [handler = std::move(handler), guard = boost::asio::make_work_guard(executor)](Result<> result) mutable {
                boost::asio::post(guard.get_executor(),
                                  [handler = std::move(handler), result = std::move(result)]() mutable {
                                      std::move(handler)(std::move(result));
                                  });
            });
    };
    auto result = co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Result<>)>(
        initiate, boost::asio::use_awaitable);
    if (result && journaled && on_journal_) on_journal_();
    co_return result;
}

}  // namespace muster::store
