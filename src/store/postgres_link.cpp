#include "store/postgres_link.h"

#include <algorithm>

#include "base/log.h"

namespace muster::store {
namespace {

constexpr std::chrono::milliseconds shortest_pause{100};
constexpr std::chrono::milliseconds longest_pause{5'000};
constexpr std::chrono::seconds between_words{30};
// A server without room takes what needs no more of it, in between: that is no news.
constexpr std::chrono::seconds without_refusal{5};

// Threads that lost their connections together do not come back together.
std::chrono::milliseconds scattered(std::chrono::milliseconds pause) {
    const auto half = pause.count() / 2;
    return std::chrono::milliseconds(
        half + static_cast<std::int64_t>(SystemRandom().below(static_cast<std::uint64_t>(half) + 1)));
}

}  // namespace

bool PostgresContext::Trouble::is_to_be_said() {
    const auto now = std::chrono::steady_clock::now();
    seen = now;
    if (on && now - said < between_words) return false;
    on = true;
    said = now;
    return true;
}

void PostgresContext::note_failure(const Error& error) {
    if (closing.raised()) return;
    const std::lock_guard lock(mutex_);
    if (!away_.is_to_be_said()) return;
    log::error("the database cannot be reached; it is tried again", {{"error", error.chain()}, {"hint", error.hint()}});
}

void PostgresContext::note_success() {
    const std::lock_guard lock(mutex_);
    if (away_.on.exchange(false)) log::info("the database can be reached again");
}

void PostgresContext::note_refusal(const Error& error) {
    const std::lock_guard lock(mutex_);
    if (!refusing_.is_to_be_said()) return;
    log::error("the database takes no changes; devices are told to come again",
               {{"error", error.chain()}, {"hint", error.hint()}});
}

// Of every transaction: it locks nothing while all is well.
void PostgresContext::note_change() {
    if (!refusing_.on) return;
    const std::lock_guard lock(mutex_);
    if (std::chrono::steady_clock::now() - refusing_.seen < without_refusal) return;
    if (refusing_.on.exchange(false)) log::info("the database takes changes again");
}

PostgresConnection* PostgresLink::get() {
    new_ = false;
    if (connection_ && !connection_->lost()) return connection_.get();
    connection_.reset();
    for (auto pause = shortest_pause;; pause = std::min(2 * pause, longest_pause)) {
        auto opened = PostgresConnection::open(context_.settings, use_, context_.interrupted);
        if (opened) {
            context_.note_success();
            connection_ = std::move(*opened);
            new_ = true;
            return connection_.get();
        }
        context_.note_failure(opened.error());
        if (!context_.closing.sleep(scattered(pause))) return nullptr;
    }
}

}  // namespace muster::store
