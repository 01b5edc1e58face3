// The time that a step of several waits has in all.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace muster::net {

// Ends the waits of a step when its time is over. Lives in the coroutine of the step; one step at a time.
class Deadline {
public:
    Deadline(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit) : timer_(executor, limit) {
        timer_.async_wait([shared = shared_](boost::system::error_code error) {
            if (error) return;
            shared->passed = true;
            if (shared->on_passed) shared->on_passed();
        });
    }
    ~Deadline() {
        shared_->on_passed = nullptr;
        timer_.cancel();
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;

    // `cancel` is called when the time is over; replaces what was said before.
    void on_passed(std::function<void()> cancel) { shared_->on_passed = std::move(cancel); }
    bool passed() const { return shared_->passed; }

private:
    struct Shared {
        bool passed = false;
        std::function<void()> on_passed;
    };
    std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
    boost::asio::steady_timer timer_;
};

}  // namespace muster::net
