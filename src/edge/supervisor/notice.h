// Something that several coroutines of one loop wait for.
#pragma once

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <vector>

#include "base/task.h"

namespace muster::edge::supervisor {

class Notice {
public:
    explicit Notice(boost::asio::io_context& loop) : loop_(loop) {}

    // Until it is given, or the patience is over.
    Task<> wait(std::chrono::milliseconds patience) {
        return wait_until(boost::asio::steady_timer::clock_type::now() + patience);
    }
    Task<> wait() { return wait_until(boost::asio::steady_timer::time_point::max()); }

    void give() {
        for (auto& timer : waiting_) timer->cancel();
        waiting_.clear();
    }

private:
    Task<> wait_until(boost::asio::steady_timer::time_point end) {
        const auto timer = std::make_shared<boost::asio::steady_timer>(loop_, end);
        waiting_.push_back(timer);
        boost::system::error_code ignored;
        co_await timer->async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
        std::erase(waiting_, timer);
    }

    boost::asio::io_context& loop_;
    std::vector<std::shared_ptr<boost::asio::steady_timer>> waiting_;
};

}  // namespace muster::edge::supervisor
