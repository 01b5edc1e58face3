#include "store/store.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>

#include "store/schema.h"

namespace muster::store {

struct Store::Listeners {
    std::mutex mutex;
    std::function<void(Topic)> announcement;
    std::function<void()> journal;

    void tell(Topic topic) {
        const std::lock_guard lock(mutex);
        if (topic == Topic::journal && journal) journal();
        if (announcement) announcement(topic);
    }
};

Store::Store(std::unique_ptr<Driver> driver) : listeners_(std::make_unique<Listeners>()), driver_(std::move(driver)) {
    driver_->on_announcement([listeners = listeners_.get()](Topic topic) { listeners->tell(topic); });
    // What a musterd that died has left.
    driver_->journal_written();
}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(std::unique_ptr<Driver> driver) {
    MUSTER_CHECK(migrate(*driver));
    return std::unique_ptr<Store>(new Store(std::move(driver)));
}

void Store::on_announcement(std::function<void(Topic)> told) {
    const std::lock_guard lock(listeners_->mutex);
    listeners_->announcement = std::move(told);
    if (!is_shared()) return;
    for (const auto topic : all_topics) listeners_->announcement(topic);
}

void Store::on_journal(std::function<void()> told) {
    const std::lock_guard lock(listeners_->mutex);
    listeners_->journal = std::move(told);
}

Store::Journaled Store::journaled(const Tx& tx, const Session& session) {
    if (!tx.journaled()) return Journaled::nothing;
    return session.is_shared() ? Journaled::pending : Journaled::readable;
}

void Store::tell_of(Journaled journaled) {
    if (journaled == Journaled::pending) driver_->journal_written();
    if (journaled != Journaled::readable) return;
    const std::lock_guard lock(listeners_->mutex);
    if (listeners_->journal) listeners_->journal();
}

Result<> Store::check_not_outdated() const {
    if (!outdated_) return {};
    return fail(Error(Errc::unavailable,
                      "a later musterd has brought the database's schema forward, and this one must not use it")
                    .with_hint("upgrade this musterd"));
}

Task<Result<>> Store::check_schema() {
    if (!is_shared()) co_return Result<>();
    auto known = co_await run_there(&Driver::read,
                                    [this](Session& session) { return check_known(session, driver_->own_schema()); });
    if (!known && known.error().code() == Errc::unsupported) outdated_ = true;
    co_return known;
}

Result<> Store::transact_now(std::function<Result<>(Tx&)> fn) {
    MUSTER_CHECK(check_not_outdated());
    auto written = Journaled::nothing;
    auto result = driver_->write_now([&](Session& session) -> Result<> {
        Tx tx(session);
        auto done = fn(tx);
        written = journaled(tx, session);
        return done;
    });
    if (result) tell_of(written);
    return result;
}

Task<Result<>> Store::perform(Submit submit, std::function<Result<>(Tx&)> fn) {
    MUSTER_CO_CHECK(check_not_outdated());
    auto written = Journaled::nothing;
    auto result = co_await run_there(submit, [&](Session& session) -> Result<> {
        Tx tx(session);
        auto done = fn(tx);
        written = journaled(tx, session);
        return done;
    });
    if (result) tell_of(written);
    co_return result;
}

Task<Result<>> Store::run_there(Submit submit, Driver::Work work) {
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
    co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(Result<>)>(
        initiate, boost::asio::use_awaitable);
}

}  // namespace muster::store
