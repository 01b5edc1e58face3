// Ends the waits of many threads at once: they poll it beside what they wait for, or sleep by it.
#pragma once

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>

namespace muster::store {

class StopSignal {
public:
    StopSignal() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
    ~StopSignal() { ::close(fd_); }
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    // For good.
    void raise() {
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof(one));
    }
    bool raised() const { return !sleep(std::chrono::milliseconds(0)); }
    // Readable once raised.
    int fd() const { return fd_; }
    // False when it was raised before the time was over.
    bool sleep(std::chrono::milliseconds time) const {
        pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
        return ::poll(&wait, 1, static_cast<int>(time.count())) <= 0;
    }

private:
    int fd_;
};

}  // namespace muster::store
