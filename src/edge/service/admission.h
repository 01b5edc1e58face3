// How many requests of one user run at a time. Those above the number wait in line; when the line is full or the wait
// is long, they are told to come again (429). The original closes such connections without a word.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <unordered_map>

#include "base/task.h"

namespace muster::edge {

// For use from one reactor thread.
class Admission {
public:
    struct Limits {
        std::size_t running = 10;
        std::size_t waiting = 64;
        std::chrono::milliseconds patience{30'000};
    };

    explicit Admission(Limits limits) : limits_(limits) {}

    // True: the caller runs and must leave() when done. False: refused.
    Task<bool> enter(uid_t uid);
    void leave(uid_t uid);

private:
    struct Waiter;
    struct User {
        std::size_t running = 0;
        std::deque<std::shared_ptr<Waiter>> line;
    };
    Limits limits_;
    std::unordered_map<uid_t, User> users_;
};

}  // namespace muster::edge
