#include "edge/keyd/token_threads.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <optional>

#include "base/log.h"
#include "base/text.h"

namespace muster::edge::keyd {

namespace asio = boost::asio;
using Steady = std::chrono::steady_clock;

struct TokenThreads::Job {
    Job(std::string of, const asio::any_io_executor& executor, std::chrono::milliseconds patience)
        : key(std::move(of)), begun(Steady::now()), done(executor, patience) {}

    const std::string key;
    const Steady::time_point begun;
    asio::steady_timer done;              // ends when there is a result, or nobody waits any more
    std::optional<Result<Reply>> result;  // on the reactor's thread
    std::atomic<bool> given_up = false;
};

TokenThreads::TokenThreads(std::chrono::milliseconds patience, unsigned threads)
    : patience_(patience), threads_(threads), pool_(threads), changes_(asio::make_strand(pool_)) {}

TokenThreads::~TokenThreads() {
    pool_.join();
}

void TokenThreads::begin(Kind kind, std::function<void()> work) {
    ++under_way_;
    auto counted = [this, work = std::move(work)] {
        work();
        --under_way_;
    };
    if (kind == Kind::change)
        asio::post(changes_, std::move(counted));
    else
        asio::post(pool_, std::move(counted));
}

void TokenThreads::start(std::function<void()> work) {
    begin(Kind::use, std::move(work));
}

Error TokenThreads::hangs(const std::string& key) const {
    const auto own = late_.find(key);
    const auto since = own != late_.end() ? own->second : Steady::now() - patience_;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Steady::now() - since).count();
    return Error(Errc::timeout, fmt::format("key \"{}\": the token's library has not answered for {} s", printable(key),
                                            std::max<std::int64_t>(seconds, 0)))
        .with_hint(
            "look at the token (pkcs11-tool --module LIBRARY --list-token-slots); when it does not come back: "
            "iotedge system restart");
}

// A late answer is nobody's; the key is asked for again from now on.
void TokenThreads::came_back(const std::shared_ptr<Job>& job) {
    const auto [begin, end] = late_.equal_range(job->key);
    for (auto at = begin; at != end; ++at) {
        if (at->second != job->begun) continue;
        late_.erase(at);
        break;
    }
    log::warn("the token's library answers again, too late", {{"keyId", printable(job->key)}});
}

Task<Result<Reply>> TokenThreads::run(std::string key, Kind kind, Work work) {
    if (late_.contains(key) || late_.size() >= threads_) co_return fail(hangs(key));
    const auto executor = co_await asio::this_coro::executor;
    const auto job = std::make_shared<Job>(std::move(key), executor, patience_);
    begin(kind, [this, job, executor, work = std::move(work)] {
        auto result = job->given_up ? Result<Reply>(fail(Errc::timeout, "nobody waits for it")) : work();
        asio::post(executor, [this, job, result = std::move(result)]() mutable {
            if (job->given_up) return came_back(job);
            job->result = std::move(result);
            job->done.cancel();
        });
    });
    co_await job->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (job->result) co_return std::move(*job->result);
    job->given_up = true;
    late_.emplace(job->key, job->begun);
    auto error = hangs(job->key);
    log::error("the token's library does not answer", {{"keyId", printable(job->key)}, {"error", error.message()}});
    co_return fail(std::move(error));
}

}  // namespace muster::edge::keyd
