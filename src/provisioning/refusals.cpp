#include "provisioning/refusals.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"

namespace muster::provisioning {
namespace {

namespace asio = boost::asio;

constexpr std::size_t most_told = 20;  // a second
constexpr auto gathering = std::chrono::seconds(1);
constexpr std::size_t longest_id = 128;

store::JournalEntry entry_of(const Refusals::Refused& refused, TimePoint now) {
    return {.time = now,
            .type = "registration.refused",
            // What a stranger sent: it need not be an id.
            .subject = printable(as_utf8(refused.registration_id), longest_id),
            .peer = refused.peer,
            .tracking_id = refused.tracking_id,
            .detail =
                json::serialize(json::object{{"errorCode", refused.error_code}, {"reason", as_utf8(refused.reason)}})};
}

Result<> append_all(store::Tx& tx, const std::vector<store::JournalEntry>& entries) {
    for (const auto& entry : entries) MUSTER_CHECK(tx.journal().append(entry));
    return {};
}

}  // namespace

Task<> Refusals::note(Refused refused) {
    const auto executor = co_await asio::this_coro::executor;
    bool starts = false;
    {
        const std::lock_guard lock(state_->mutex);
        if (state_->waiting.size() < most_told) {
            state_->waiting.push_back(entry_of(refused, state_->clock.now()));
        } else {
            ++state_->untold;
        }
        starts = !std::exchange(state_->due, true);
    }
    if (starts) asio::co_spawn(executor, flush(state_), asio::detached);
}

Task<> Refusals::flush(std::shared_ptr<State> state) {
    asio::steady_timer timer(co_await asio::this_coro::executor, gathering);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    std::vector<store::JournalEntry> entries;
    {
        const std::lock_guard lock(state->mutex);
        entries.swap(state->waiting);
        if (const auto untold = std::exchange(state->untold, 0); untold != 0)
            entries.push_back({.time = state->clock.now(),
                               .type = "registration.refusalsNotTold",
                               .subject = fmt::format("{}", untold),
                               .detail = json::serialize(json::object{{"count", untold}})});
        state->due = false;
    }
    auto written = co_await state->store.transact([&](store::Tx& tx) { return append_all(tx, entries); });
    if (!written) log::warn("refusals are not in the journal", {{"error", written.error().chain()}});
}

}  // namespace muster::provisioning
