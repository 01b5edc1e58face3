#include "provisioning/crl_refresh.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "provisioning/crl_rules.h"
#include "provisioning/delivery_queue.h"

namespace muster::provisioning {

namespace asio = boost::asio;

using std::chrono::milliseconds;
using std::chrono::seconds;
using store::GroupCrlRecord;
using store::Tx;

namespace {

constexpr std::size_t lanes = 4;
constexpr auto longest_pause = std::chrono::minutes(1);
constexpr auto first_retry = std::chrono::minutes(1);
constexpr std::size_t longest_problem = 500;

// Of the group and the CA that the list was given for. Another CA's list would leave nothing of what this one revoked.
Result<pki::Certificate> check_issuer(Tx& tx, const GroupCrlRecord& record, const pki::RevocationList& list,
                                      TimePoint now) {
    MUSTER_TRY(const auto group, tx.enrollment_groups().find(record.group_id));
    if (!group) return fail(Errc::not_found, "its group is gone");
    pki::CertificateChain issuers;
    if (!record.source->issuers.empty()) {
        MUSTER_TRY(issuers, pki::parse_chain(record.source->issuers));
    }
    MUSTER_TRY(auto issuer, find_list_issuer(tx, *group, list, issuers, now));
    MUSTER_TRY(const auto expected, pki::Certificate::from_der(record.certificate));
    if (is_same_issuer(issuer, expected)) return issuer;
    return fail(Error(Errc::conflict, fmt::format("it is a list of '{}' by now, and was one of '{}'",
                                                  printable(issuer.subject()), printable(expected.subject())))
                    .with_hint("set it again: the list of the former CA then stays as it is"));
}

// Puts another list in the record's place, when it may take it.
Result<> take_in(Tx& tx, GroupCrlRecord& record, const pki::RevocationList& list, TimePoint now) {
    MUSTER_CHECK(check_list_begins(list, now));
    MUSTER_TRY(const auto issuer, check_issuer(tx, record, list, now));
    auto next = record;
    next.certificate = issuer.der();
    next.issuer = issuer.sha256_thumbprint();
    MUSTER_CHECK(make_room_for_list(tx, next, list));
    next.list = list.der();
    next.updated = now;
    record = std::move(next);
    return {};
}

store::JournalEntry event(std::string type, const GroupCrlRecord& record, TimePoint now, json::object detail) {
    detail["issuerThumbprint"] = record.issuer;
    detail["url"] = record.source->url;
    return {.time = now,
            .type = std::move(type),
            .subject = record.group_id,
            .actor = {},
            .peer = {},
            .tracking_id = {},
            .detail = json::serialize(detail)};
}

}  // namespace

TimePoint next_crl_fetch(const pki::RevocationList& list, seconds interval, TimePoint now) {
    if (!list.next_update()) return now + interval;
    const auto half = std::chrono::duration_cast<Micros>(*list.next_update() - now) / 2;
    return now + std::clamp<Micros>(half, std::min<Micros>(first_retry, interval), interval);
}

CrlRefresh::CrlRefresh(store::Store& store, Groups& groups, CrlFetcher& fetcher, const Clock& clock, Random& random,
                       asio::any_io_executor executor)
    : store_(store),
      groups_(groups),
      fetcher_(fetcher),
      clock_(clock),
      random_(random),
      executor_(std::move(executor)) {}

void CrlRefresh::start() {
    for (std::size_t i = 0; i < lanes; ++i) asio::co_spawn(executor_, lane(), asio::detached);
}

void CrlRefresh::wake() {
    asio::post(executor_, [this] {
        ++wakes_;
        for (auto* timer : waiting_) timer->cancel();
    });
}

Task<> CrlRefresh::lane() {
    asio::steady_timer timer(executor_);
    for (;;) {
        const auto wakes = wakes_;
        if (co_await refresh_next()) continue;
        const auto wait = co_await until_next();
        if (wakes != wakes_) continue;  // it is about a list that was not looked at yet
        timer.expires_after(wait);
        waiting_.insert(&timer);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        waiting_.erase(&timer);
    }
}

Task<milliseconds> CrlRefresh::until_next() {
    const auto next = co_await store_.read([](Tx& tx) { return tx.group_crls().next_due(); });
    if (!next || !*next) co_return longest_pause;
    // Due already: another lane is at it.
    const auto wait = std::chrono::ceil<milliseconds>(**next - clock_.now());
    co_return wait.count() > 0 ? std::min<milliseconds>(wait, longest_pause) : milliseconds(seconds(1));
}

Task<std::optional<GroupCrlRecord>> CrlRefresh::take() {
    auto found = co_await store_.read([this](Tx& tx) { return tx.group_crls().due(clock_.now(), lanes); });
    if (!found) {
        log::error("the revocation lists to be fetched cannot be read", {{"error", found.error().chain()}});
        co_return std::nullopt;
    }
    for (const auto& key : *found) {
        if (is_put_off(key) || !busy_.insert(key).second) continue;
        auto record = co_await store_.read([&](Tx& tx) { return tx.group_crls().find(key.group_id, key.issuer); });
        if (record && *record && (*record)->source) co_return std::move(*record);
        busy_.erase(key);
    }
    co_return std::nullopt;
}

Task<bool> CrlRefresh::refresh_next() {
    const auto record = co_await take();
    if (!record) co_return false;
    const store::CrlKey key{record->group_id, record->issuer};
    if (!co_await refresh(*record)) put_off_[key] = clock_.now() + first_retry;
    busy_.erase(key);
    co_return true;
}

// It stays due when nothing can be stored: it is not asked for without end all the same.
bool CrlRefresh::is_put_off(const store::CrlKey& key) {
    const auto entry = put_off_.find(key);
    if (entry == put_off_.end()) return false;
    const auto left = entry->second - clock_.now();
    if (left > Micros(0) && left <= first_retry) return true;  // more than that: the clock was set back
    put_off_.erase(entry);
    return false;
}

Task<bool> CrlRefresh::refresh(const GroupCrlRecord& record) {
    const auto fetched = co_await fetcher_.fetch(record.source->url, record.source->certificates);
    const auto changed = co_await store_.transact([&](Tx& tx) { return settle(tx, record, fetched); });
    if (!changed)
        log::error("a revocation list was fetched and cannot be stored",
                   {{"enrollmentGroupId", record.group_id}, {"error", changed.error().chain()}});
    if (changed && *changed) {
        if (auto shown = co_await groups_.refresh(); !shown)
            log::error("a new revocation list is not in force yet", {{"error", shown.error().chain()}});
    }
    co_return changed.has_value();
}

// Whether the list in force is another one now.
Result<bool> CrlRefresh::settle(Tx& tx, const GroupCrlRecord& asked, const Result<pki::RevocationList>& fetched) {
    MUSTER_TRY(auto record, tx.group_crls().find(asked.group_id, asked.issuer));
    // Deleted, or given anew meanwhile.
    const bool is_current = record && record->source && record->source->url == asked.source->url &&
                            record->updated == asked.updated && record->list == asked.list;
    if (!is_current) return false;
    if (!fetched) {
        MUSTER_CHECK(note_failure(tx, std::move(*record), fetched.error()));
        return false;
    }
    // Most often it is the same: large ones are not read and verified for nothing.
    if (record->list == fetched->der()) return accept(tx, std::move(*record), *fetched, false);
    if (auto taken = take_in(tx, *record, *fetched, clock_.now()); !taken) {
        MUSTER_CHECK(note_failure(tx, std::move(*record), taken.error()));
        return false;
    }
    return accept(tx, std::move(*record), *fetched, true);
}

Result<bool> CrlRefresh::accept(Tx& tx, GroupCrlRecord record, const pki::RevocationList& list, bool changed) {
    const auto now = clock_.now();
    const bool failed_before = record.source->failures > 0;
    const bool ended = has_ended(list, now);
    if (!ended) {
        record.source->fetched = now;
        record.source->failures = 0;
        record.source->problem.clear();
        record.source->due = next_crl_fetch(list, record.source->interval, now);
    }
    MUSTER_CHECK(changed ? tx.group_crls().put(record) : tx.group_crls().note(record));
    if (ended) {
        MUSTER_CHECK(note_failure(
            tx, std::move(record),
            Error(Errc::unavailable, fmt::format("it ended at {}", format_utc_seconds(*list.next_update())))));
        return changed;
    }
    if (!changed && !failed_before) return false;
    log::info("revocation list fetched", {{"enrollmentGroupId", record.group_id},
                                          {"url", printable(record.source->url)},
                                          {"issuer", printable(list.issuer())},
                                          {"entries", list.size()}});
    MUSTER_CHECK(tx.journal().append(event(
        "revocationList.fetched", record, now,
        {{"issuer", list.issuer()}, {"thisUpdateUtc", format_utc(list.this_update())}, {"entries", list.size()}})));
    return changed;
}

Result<> CrlRefresh::note_failure(Tx& tx, GroupCrlRecord record, const Error& error) {
    const auto now = clock_.now();
    auto& source = *record.source;
    const auto longest = std::chrono::duration_cast<milliseconds>(source.interval);
    const auto wait = backoff(source.failures++, std::min<milliseconds>(first_retry, longest), longest, random_);
    source.due = now + wait;
    source.problem = printable(error.chain(), longest_problem);
    log::warn("a revocation list cannot be fetched", {{"enrollmentGroupId", record.group_id},
                                                      {"url", printable(source.url)},
                                                      {"failures", source.failures},
                                                      {"error", source.problem}});
    if (source.failures == 1)
        MUSTER_CHECK(
            tx.journal().append(event("revocationList.fetchFailed", record, now, {{"problem", source.problem}})));
    return tx.group_crls().note(record);
}

}  // namespace muster::provisioning
