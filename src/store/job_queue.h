// Transactions on their way from reactors to database threads.
//
// The queue needs no bound of its own: each reactor's requests are bounded by its connections, and each connection has
// one request under way.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>

#include "store/driver.h"

namespace muster::store {

struct Job {
    Driver::Work work;
    Driver::Done done;
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();  // when it was asked for
    unsigned losses = 0;                                                             // connections that it lost
};

class JobQueue {
public:
    void push(Job job) {
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_back(std::move(job));
        }
        ready_.notify_one();
    }

    // One that was taken and could not be begun: it is the next again.
    void put_back(Job job) {
        {
            const std::lock_guard lock(mutex_);
            jobs_.push_front(std::move(job));
        }
        ready_.notify_one();
    }

    // All that waits, at most `limit`; waits for the first. Empty when closed and drained.
    std::deque<Job> take(std::size_t limit) {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
        std::deque<Job> taken;
        while (!jobs_.empty() && taken.size() < limit) {
            taken.push_back(std::move(jobs_.front()));
            jobs_.pop_front();
        }
        return taken;
    }

    // Those that have been waiting since before then; waits for none.
    std::deque<Job> take_older(std::chrono::steady_clock::time_point than) {
        const std::lock_guard lock(mutex_);
        std::deque<Job> taken;
        while (!jobs_.empty() && jobs_.front().since < than) {
            taken.push_back(std::move(jobs_.front()));
            jobs_.pop_front();
        }
        return taken;
    }

    void close() {
        {
            const std::lock_guard lock(mutex_);
            closed_ = true;
        }
        ready_.notify_all();
    }

    std::size_t size() const {
        const std::lock_guard lock(mutex_);
        return jobs_.size();
    }

private:
    mutable std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<Job> jobs_;
    bool closed_ = false;
};

}  // namespace muster::store
