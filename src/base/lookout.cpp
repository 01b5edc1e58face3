#include "base/lookout.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace muster {

namespace asio = boost::asio;

Lookout::Lookout(Look look)
    : look_(std::move(look)),
      seen_((Steady::now() - 2 * longest_unseen).time_since_epoch().count()),
      reading_([this] { return look_now(); }) {}

Task<Result<>> Lookout::look_now() {
    const auto began = Steady::now().time_since_epoch().count();
    auto outcome = co_await look_();
    if (outcome) seen_ = began;
    co_return outcome;
}

Task<Result<>> Lookout::make_sure() {
    const Steady::time_point seen{Steady::duration(seen_.load())};
    if (Steady::now() - seen < longest_unseen) co_return Result<>();
    co_return co_await look();
}

Task<Result<>> Lookout::look() {
    co_return co_await reading_.ask();
}

Task<> Lookout::settle() {
    asio::steady_timer timer(co_await asio::this_coro::executor, settling);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

}  // namespace muster
