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
Result<ListIssuer> check_issuer(Tx& tx, const GroupCrlRecord& head, const pki::RevocationList& list, TimePoint now) {
    MUSTER_TRY(const auto group, tx.enrollment_groups().find(head.group_id));
    if (!group) return fail(Errc::not_found, "its group is gone");
    pki::CertificateChain issuers;
    if (!head.source->issuers.empty()) {
        MUSTER_TRY(issuers, pki::parse_chain(head.source->issuers));
    }
    MUSTER_TRY(auto issuer, find_list_issuer(tx, *group, list, issuers, now));
    MUSTER_TRY(const auto expected, pki::Certificate::from_der(head.certificate));
    if (is_same_issuer(issuer.certificate, expected)) return issuer;
    return fail(
        Error(Errc::conflict, fmt::format("it is a list of '{}' by now, and was one of '{}'",
                                          printable(issuer.certificate.subject()), printable(expected.subject())))
            .with_hint("set it again: the list of the former CA then stays as it is"));
}

// What the record becomes with another list.
GroupCrlRecord with_list(const GroupCrlRecord& head, const ListIssuer& issuer, const pki::RevocationList& list,
                         TimePoint now) {
    auto next = head;
    next.certificate = issuer.certificate.der();
    next.issuer = issuer.certificate.sha256_thumbprint();
    next.updated = now;
    put_list(next, list);
    return next;
}

// The list's fault, and not the store's: it is noted, and what is here is used on.
bool is_judgement(const Error& error) {
    return error.code() == Errc::conflict || error.code() == Errc::invalid_argument || error.code() == Errc::not_found;
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
        auto record = co_await store_.read([&](Tx& tx) { return tx.group_crls().find_head(key.group_id, key.issuer); });
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

Task<bool> CrlRefresh::refresh(const GroupCrlRecord& head) {
    Fetched fetched{.list = co_await fetcher_.fetch(head.source->url, head.source->certificates), .issuer = {}};
    // Most often it is the same: large ones are not verified for nothing.
    const bool is_new = fetched.list && list_hash(*fetched.list) != head.list_hash;
    Result<Settled> settled = Settled{};
    if (auto judged = is_new ? co_await judge(head, fetched) : Result<>(); !judged) {
        settled = std::unexpected(std::move(judged).error());
    } else {
        settled = co_await store_.transact([&](Tx& tx) { return settle(tx, head, fetched); });
    }
    if (!settled) {
        log::error("a revocation list was fetched and cannot be stored",
                   {{"enrollmentGroupId", head.group_id}, {"error", settled.error().chain()}});
        co_return false;
    }
    tell(head, fetched, *settled);
    if (!settled->changed) co_return true;
    if (auto shown = co_await groups_.refresh(); !shown)
        log::error("a new revocation list is not in force yet", {{"error", shown.error().chain()}});
    co_return true;
}

// By a reader: its signature is verified. An error is the store's.
Task<Result<>> CrlRefresh::judge(const GroupCrlRecord& head, Fetched& fetched) {
    const auto now = clock_.now();
    auto issuer = co_await store_.read([&](Tx& tx) -> Result<ListIssuer> {
        MUSTER_CHECK(check_list_begins(*fetched.list, now));
        return check_issuer(tx, head, *fetched.list, now);
    });
    if (!issuer && !is_judgement(issuer.error())) co_return std::unexpected(std::move(issuer).error());
    if (issuer) {
        fetched.issuer = std::move(*issuer);
    } else {
        fetched.list = std::unexpected(std::move(issuer).error());
    }
    co_return Result<>();
}

Result<CrlRefresh::Settled> CrlRefresh::settle(Tx& tx, const GroupCrlRecord& asked, const Fetched& fetched) {
    MUSTER_TRY(auto head, tx.group_crls().find_head(asked.group_id, asked.issuer));
    // Deleted, given anew, or fetched by another musterd meanwhile.
    const bool is_current = head && head->source && head->source->url == asked.source->url &&
                            head->source->due == asked.source->due && head->updated == asked.updated &&
                            head->list_hash == asked.list_hash;
    if (!is_current) return Settled{};
    if (!fetched.list) return note_failure(tx, std::move(*head), fetched.list.error());
    if (!fetched.issuer) return accept(tx, std::move(*head), *fetched.list, false);
    MUSTER_TRY(const auto group, tx.enrollment_groups().find(head->group_id));
    if (!group) return Settled{};
    MUSTER_CHECK(check_list_issuer(tx, *group, *fetched.issuer));
    auto next = with_list(*head, *fetched.issuer, *fetched.list, clock_.now());
    if (auto room = make_room_for_list(tx, next, *fetched.list); !room) {
        if (is_judgement(room.error())) return note_failure(tx, std::move(*head), room.error());
        return std::unexpected(std::move(room).error());
    }
    return accept(tx, std::move(next), *fetched.list, true);
}

Result<CrlRefresh::Settled> CrlRefresh::accept(Tx& tx, GroupCrlRecord record, const pki::RevocationList& list,
                                               bool changed) {
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
        MUSTER_TRY(auto settled,
                   note_failure(tx, std::move(record),
                                Error(Errc::unavailable,
                                      fmt::format("it ended at {}", format_utc_seconds(*list.next_update())))));
        settled.changed = changed;
        return settled;
    }
    if (!changed && !failed_before) return Settled{};
    MUSTER_CHECK(tx.journal().append(event(
        "revocationList.fetched", record, now,
        {{"issuer", list.issuer()}, {"thisUpdateUtc", format_utc(list.this_update())}, {"entries", list.size()}})));
    return Settled{.changed = changed, .news = true};
}

Result<CrlRefresh::Settled> CrlRefresh::note_failure(Tx& tx, GroupCrlRecord record, const Error& error) {
    const auto now = clock_.now();
    auto& source = *record.source;
    const auto longest = std::chrono::duration_cast<milliseconds>(source.interval);
    const auto wait = backoff(source.failures++, std::min<milliseconds>(first_retry, longest), longest, random_);
    source.due = now + wait;
    source.problem = printable(error.chain(), longest_problem);
    if (source.failures == 1)
        MUSTER_CHECK(
            tx.journal().append(event("revocationList.fetchFailed", record, now, {{"problem", source.problem}})));
    MUSTER_CHECK(tx.group_crls().note(record));
    return Settled{.failures = source.failures, .problem = source.problem};
}

void CrlRefresh::tell(const GroupCrlRecord& head, const Fetched& fetched, const Settled& settled) {
    if (settled.news)
        log::info("revocation list fetched", {{"enrollmentGroupId", head.group_id},
                                              {"url", printable(head.source->url)},
                                              {"issuer", printable(fetched.list->issuer())},
                                              {"entries", fetched.list->size()}});
    if (settled.failures > 0)
        log::warn("a revocation list cannot be fetched", {{"enrollmentGroupId", head.group_id},
                                                          {"url", printable(head.source->url)},
                                                          {"failures", settled.failures},
                                                          {"error", settled.problem}});
}

}  // namespace muster::provisioning
