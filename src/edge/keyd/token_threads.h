// The threads on which keyd asks tokens, for each token its own. A library may take its time, or never come back, and
// nothing can make it: whoever waits for it is told so after a while, asks for the same key are answered at once until
// it is back, and the keys in other tokens go on being served as if nothing were.
#pragma once

#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/task.h"
#include "edge/service/router.h"

namespace muster::edge::keyd {

class TokenThreads {
public:
    using Work = std::function<Result<Reply>()>;
    // Of work that changes keys, one piece at a time.
    enum class Kind { use, change };

    // `threads`: of each token, begun when it is first asked.
    explicit TokenThreads(std::chrono::milliseconds patience, unsigned threads = 4);
    ~TokenThreads();  // waits for whatever is under way
    TokenThreads(const TokenThreads&) = delete;
    TokenThreads& operator=(const TokenThreads&) = delete;

    // What a call asks: a key, in the token of that name.
    struct Asked {
        std::string token;
        std::string key;
    };
    // For use from one reactor's thread. Errc::timeout when the token has not answered in time, or has not answered an
    // earlier question about the same key yet. Work that has not begun by then is not begun any more.
    Task<Result<Reply>> run(Asked asked, Kind kind, Work work);
    // Work that nobody waits for. From that same thread, or before it runs.
    void start(const std::string& token, std::function<void()> work);
    // Whether the library has given back all threads. Any thread.
    bool idle() const { return under_way_ == 0; }

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Job;
    // Of one token.
    struct Crew {
        explicit Crew(unsigned threads) : pool(threads), changes(boost::asio::make_strand(pool)) {}
        std::multimap<std::string, Time> late;  // by key: what is still out, and since when
        boost::asio::thread_pool pool;
        boost::asio::strand<boost::asio::thread_pool::executor_type> changes;
    };
    Crew& crew_of(const std::string& token);
    void begin(Crew& crew, Kind kind, std::function<void()> work);
    static void came_back(Crew& crew, const Job& job);
    static Error hangs(const Crew& crew, const std::string& key);

    const std::chrono::milliseconds patience_;
    const unsigned threads_;
    std::atomic<int> under_way_{0};
    std::map<std::string, std::unique_ptr<Crew>> crews_;  // as many as the settings name tokens
};

}  // namespace muster::edge::keyd
