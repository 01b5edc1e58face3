#include "edge/keyd/token_threads.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
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
    const Time begun;
    asio::steady_timer done;              // ends when there is a result, or nobody waits any more
    std::optional<Result<Reply>> result;  // on the reactor's thread
    std::atomic<bool> given_up = false;
};

TokenThreads::TokenThreads(std::chrono::milliseconds patience, unsigned threads)
    : patience_(patience), threads_(threads) {}

TokenThreads::~TokenThreads() {
    for (const auto& [token, crew] : crews_) crew->pool.join();
}

TokenThreads::Crew& TokenThreads::crew_of(const std::string& token) {
    auto& crew = crews_[token];
    if (!crew) crew = std::make_unique<Crew>(threads_);
    return *crew;
}

void TokenThreads::begin(Crew& crew, Kind kind, std::function<void()> work) {
    ++under_way_;
    auto counted = [this, work = std::move(work)] {
        work();
        --under_way_;
    };
    if (kind == Kind::change)
        asio::post(crew.changes, std::move(counted));
    else
        asio::post(crew.pool, std::move(counted));
}

void TokenThreads::start(const std::string& token, std::function<void()> work) {
    begin(crew_of(token), Kind::use, std::move(work));
}

// Because of the key itself, or because all threads of its token are out.
Error TokenThreads::hangs(const Crew& crew, const std::string& key) {
    const auto own = crew.late.find(key);
    auto since = own != crew.late.end() ? own->second : Steady::now();
    if (own == crew.late.end())
        for (const auto& [other, begun] : crew.late) since = std::min(since, begun);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(Steady::now() - since).count();
    return Error(Errc::timeout, fmt::format("key \"{}\": the token's library has not answered for {} s", printable(key),
                                            std::max<std::int64_t>(seconds, 0)))
        .with_hint(
            "look at the token (pkcs11-tool --module LIBRARY --list-token-slots); when it does not come back: "
            "iotedge system restart");
}

// A late answer is nobody's; the key is asked for again from now on.
void TokenThreads::came_back(Crew& crew, const Job& job) {
    const auto [begin, end] = crew.late.equal_range(job.key);
    for (auto at = begin; at != end; ++at) {
        if (at->second != job.begun) continue;
        crew.late.erase(at);
        break;
    }
    log::warn("the token's library answers again, too late", {{"keyId", printable(job.key)}});
}

Task<Result<Reply>> TokenThreads::run(Asked asked, Kind kind, Work work) {
    auto& crew = crew_of(asked.token);
    if (crew.late.contains(asked.key) || crew.late.size() >= threads_) co_return fail(hangs(crew, asked.key));
    const auto executor = co_await asio::this_coro::executor;
    const auto job = std::make_shared<Job>(std::move(asked.key), executor, patience_);
    begin(crew, kind, [&crew, job, executor, work = std::move(work)] {
        auto result = job->given_up ? Result<Reply>(fail(Errc::timeout, "nobody waits for it")) : work();
        asio::post(executor, [&crew, job, result = std::move(result)]() mutable {
            if (job->given_up) return came_back(crew, *job);
            job->result = std::move(result);
            job->done.cancel();
        });
    });
    co_await job->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (job->result) co_return std::move(*job->result);
    job->given_up = true;
    crew.late.emplace(job->key, job->begun);
    auto error = hangs(crew, job->key);
    log::error("the token's library does not answer", {{"keyId", printable(job->key)}, {"error", error.message()}});
    co_return fail(std::move(error));
}

}  // namespace muster::edge::keyd
