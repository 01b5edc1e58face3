// The threads on which keyd asks tokens. A library may take its time, or never come back, and nothing can make it:
// whoever waits for it is told so after a while, asks for the same key are answered at once until it is back, and all
// other keys go on being served.
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

    explicit TokenThreads(std::chrono::milliseconds patience, unsigned threads = 4);
    ~TokenThreads();  // waits for whatever is under way
    TokenThreads(const TokenThreads&) = delete;
    TokenThreads& operator=(const TokenThreads&) = delete;

    // For use from one reactor's thread. Errc::timeout when the token has not answered in time, or has not answered an
    // earlier question about the same key yet. Work that has not begun by then is not begun any more.
    Task<Result<Reply>> run(std::string key, Kind kind, Work work);
    // Work that nobody waits for.
    void start(std::function<void()> work);
    // Whether the library has given back all threads. Any thread.
    bool idle() const { return under_way_ == 0; }

private:
    struct Job;
    void begin(Kind kind, std::function<void()> work);
    void came_back(const std::shared_ptr<Job>& job);
    Error hangs(const std::string& key) const;

    const std::chrono::milliseconds patience_;
    const unsigned threads_;
    std::multimap<std::string, std::chrono::steady_clock::time_point>
        late_;  // by key: what is still out, and since when
    std::atomic<int> under_way_{0};
    boost::asio::thread_pool pool_;
    boost::asio::strand<boost::asio::thread_pool::executor_type> changes_;
};

}  // namespace muster::edge::keyd
