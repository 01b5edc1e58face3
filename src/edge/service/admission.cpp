#include "edge/service/admission.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace muster::edge {

namespace asio = boost::asio;

struct Admission::Waiter {
    asio::steady_timer wake;
    bool granted = false;
};

Task<bool> Admission::enter(uid_t uid) {
    auto& user = users_[uid];
    if (user.running < limits_.running) {
        ++user.running;
        co_return true;
    }
    if (user.line.size() >= limits_.waiting) co_return false;
    auto waiter = std::make_shared<Waiter>(asio::steady_timer(co_await asio::this_coro::executor, limits_.patience));
    user.line.push_back(waiter);
    co_await waiter->wake.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!waiter->granted) std::erase(users_[uid].line, waiter);
    co_return waiter->granted;
}

void Admission::leave(uid_t uid) {
    const auto at = users_.find(uid);
    if (at == users_.end()) return;
    auto& user = at->second;
    if (!user.line.empty()) {  // the place passes on; `running` stays
        user.line.front()->granted = true;
        user.line.front()->wake.cancel();
        user.line.pop_front();
    } else if (--user.running == 0) {
        users_.erase(at);
    }
}

}  // namespace muster::edge
