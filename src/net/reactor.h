// Reactor threads: one event loop each; a connection lives and dies on one of them.
#pragma once

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/task.h"

namespace muster::net {

class Reactors {
public:
    // At least one thread; 0 means one per core this process may run on (its CPU affinity counts).
    explicit Reactors(unsigned threads = 0);
    ~Reactors();

    std::size_t size() const { return contexts_.size(); }
    boost::asio::io_context& at(std::size_t index) { return *contexts_[index]; }
    void start();
    bool running() const { return !threads_.empty(); }
    // Ends the loops and joins the threads; what was still running on them is dropped.
    void stop();

private:
    std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
    std::vector<std::thread> threads_;
};

// Runs one task to its end on a loop of its own: for command-line programs and tests. Exceptions come through.
template <class T>
T run_blocking(Task<T> task);

}  // namespace muster::net

#include "net/reactor_impl.h"
