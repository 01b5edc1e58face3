#include "net/reactor.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <boost/asio/executor_work_guard.hpp>

#include "base/log.h"

namespace muster::net {
namespace {

unsigned usable_cores() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    if (::sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
    return static_cast<unsigned>(std::max(1, CPU_COUNT(&cores)));
}

// Signals belong to the main thread: a reactor interrupted by SIGTERM could not drain itself.
void block_signals() {
    sigset_t all;
    ::sigfillset(&all);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigdelset(&all, fault);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

void run_loop(boost::asio::io_context& context, std::size_t index) {
    block_signals();
    ::pthread_setname_np(::pthread_self(), fmt::format("reactor-{}", index).c_str());
    const auto guard = boost::asio::make_work_guard(context);
    while (!context.stopped()) {
        try {
            context.run();
        } catch (const std::exception& e) {
            // One task's defect must not end the others on this loop.
            log::error("unexpected exception on a reactor", {{"what", e.what()}});
        }
    }
}

}  // namespace

Reactors::Reactors(unsigned threads) {
    const auto count = threads == 0 ? usable_cores() : threads;
    for (unsigned i = 0; i < count; ++i) contexts_.push_back(std::make_unique<boost::asio::io_context>(1));
}

Reactors::~Reactors() {
    stop();
}

void Reactors::start() {
    if (!threads_.empty()) return;
    for (std::size_t i = 0; i < contexts_.size(); ++i) {
        threads_.emplace_back([&context = *contexts_[i], i] { run_loop(context, i); });
    }
}

void Reactors::stop() {
    for (auto& context : contexts_) context->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
}

}  // namespace muster::net
