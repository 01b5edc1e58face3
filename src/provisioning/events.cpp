#include "provisioning/events.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "base/text.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

namespace asio = boost::asio;
using store::JournalEntry;
using store::Tx;
using Monotonic = std::chrono::steady_clock;

// Entries looked at for one page; what fits the filter may be rare, and a reader must not be held for long.
constexpr std::size_t chunk = 500;
constexpr std::size_t most_chunks = 20;
constexpr std::size_t most_waiting = 256;
// On a busy service many commits follow each other: what came with them goes into one page.
constexpr std::chrono::milliseconds gathering{100};

bool is_wanted(std::string_view type, const std::vector<std::string>& types) {
    return types.empty() || std::ranges::any_of(types, [&](const auto& wanted) { return is_of_type(type, wanted); });
}

bool is_wanted(const JournalEntry& entry, const EventRequest& request) {
    return is_wanted(entry.type, request.types) && (!request.may_see || request.may_see(entry.type));
}

// Where a first page begins.
Result<std::int64_t> first_place(Tx& tx, const EventRequest& request) {
    MUSTER_TRY(const auto newest, tx.journal().newest());
    if (request.after) {
        if (*request.after >= 0 && *request.after <= newest) return *request.after;
        return fail(Errc::invalid_argument,
                    "\"after\" is {}, which no page of this service has given: its newest event is {}", *request.after,
                    newest);
    }
    if (request.since) {
        MUSTER_TRY(const auto first, tx.journal().first_since(*request.since));
        return first ? *first - 1 : newest;
    }
    return std::max<std::int64_t>(0, newest - static_cast<std::int64_t>(request.last));
}

Result<bool> is_gap(Tx& tx, const EventRequest& request) {
    if (!request.after) return false;
    MUSTER_TRY(const auto erased, tx.marks().find(erased_events_mark));
    return erased && *request.after + 1 < *erased;
}

Result<EventPage> read_page(Tx& tx, const EventRequest& request) {
    EventPage page;
    MUSTER_TRY(page.next, first_place(tx, request));
    MUSTER_TRY(page.gap, is_gap(tx, request));
    for (std::size_t n = 0; n < most_chunks; ++n) {
        MUSTER_TRY(const auto entries, tx.journal().after(page.next, chunk));
        for (const auto& entry : entries) {
            if (is_wanted(entry, request)) {
                if (page.events.size() == request.limit) {
                    page.more = true;
                    return page;
                }
                page.events.push_back(event_to_json(entry));
            }
            page.next = entry.id;
        }
        if (entries.size() < chunk) return page;
    }
    page.more = true;
    return page;
}

bool is_wanted(const JournalEntry& entry, const AuditRequest& request) {
    return (request.actor.empty() || request.actor == entry.actor) &&
           (request.subject.empty() || equals_ignore_case(request.subject, entry.subject)) &&
           is_wanted(entry.type, request.types);
}

Result<AuditPage> read_audit(Tx& tx, const AuditRequest& request) {
    AuditPage page;
    auto place = request.before.value_or(std::numeric_limits<std::int64_t>::max());
    for (std::size_t n = 0; n < most_chunks; ++n) {
        MUSTER_TRY(const auto entries, tx.journal().changes_before(place, chunk));
        for (const auto& entry : entries) {
            if (request.since && entry.time < *request.since) return page;
            if (is_wanted(entry, request)) {
                if (page.changes.size() == request.limit) {
                    page.next = place;
                    return page;
                }
                page.changes.push_back(event_to_json(entry));
            }
            place = entry.id;
        }
        if (entries.size() < chunk) return page;
    }
    page.next = place;
    return page;
}

}  // namespace

bool is_of_type(std::string_view type, std::string_view wanted) {
    if (equals_ignore_case(type, wanted)) return true;
    return type.size() > wanted.size() && type[wanted.size()] == '.' && starts_with_ignore_case(type, wanted);
}

std::span<const std::string_view> event_types() {
    static constexpr std::array<std::string_view, 49> all{
        "registration.assigned",
        "registration.failed",
        "registration.disabled",
        "registration.refused",
        "registration.refusalsNotTold",
        "registration.deleted",
        "enrollment.created",
        "enrollment.updated",
        "enrollment.deleted",
        "enrollmentGroup.created",
        "enrollmentGroup.updated",
        "enrollmentGroup.deleted",
        "certificate.created",
        "certificate.updated",
        "certificate.deleted",
        "certificate.verificationCodeMade",
        "certificate.verified",
        "certificate.issued",
        "certificate.revoked",
        "certificate.expiring",
        "certificate.expired",
        "revocationList.written",
        "revocationList.deleted",
        "revocationList.fetched",
        "revocationList.fetchFailed",
        "trustBundle.created",
        "trustBundle.updated",
        "trustBundle.deleted",
        "oneTimePassword.created",
        "oneTimePassword.deleted",
        "authority.created",
        "authority.installed",
        "authority.requested",
        "device.created",
        "device.updated",
        "device.deleted",
        "module.created",
        "module.updated",
        "module.deleted",
        "twin.replaced",
        "hub.linked",
        "hub.updated",
        "hub.unlinked",
        "allocationPolicy.updated",
        "policy.created",
        "policy.updated",
        "policy.deleted",
        "policy.keyRegenerated",
        "policy.notChanged",
    };
    return all;
}

Result<> check_event_types(const std::vector<std::string>& wanted) {
    const auto types = event_types();
    for (const auto& each : wanted) {
        if (std::ranges::any_of(types, [&](const auto type) { return is_of_type(type, each); })) continue;
        std::vector<std::string> known(types.begin(), types.end());
        for (const auto type : types) known.emplace_back(type.substr(0, type.find('.')));
        const auto meant = nearest(each, known);
        std::ranges::sort(known);
        std::erase_if(known, [](const auto& name) { return name.contains('.'); });
        known.erase(std::ranges::unique(known).begin(), known.end());
        return fail(bad_body(fmt::format("no event is of type '{}'", printable(each)))
                        .with_hint(meant ? fmt::format("did you mean '{}'?", *meant)
                                         : fmt::format("there are {}", join(known, ", "))));
    }
    return {};
}

json::object event_to_json(const JournalEntry& entry) {
    json::object out{{"id", fmt::format("{}", entry.id)},
                     {"timeUtc", format_utc(entry.time)},
                     {"type", entry.type},
                     {"subject", entry.subject}};
    if (!entry.actor.empty()) out["actor"] = entry.actor;
    if (!entry.peer.empty()) out["peer"] = entry.peer;
    if (!entry.tracking_id.empty()) out["trackingId"] = entry.tracking_id;
    if (!entry.detail.empty()) {
        if (auto detail = parse_json_object(entry.detail)) out["detail"] = std::move(*detail);
    }
    return out;
}

json::array changed_members(std::string_view before, std::string_view after) {
    const auto old_object = parse_json_object(before).value_or(json::object());
    const auto new_object = parse_json_object(after).value_or(json::object());
    std::set<std::string> names;
    for (const auto* object : {&old_object, &new_object})
        for (const auto& member : *object) names.emplace(member.key());
    json::array out;
    for (const auto& name : names) {
        const auto* old_value = old_object.if_contains(name);
        const auto* new_value = new_object.if_contains(name);
        if (old_value == nullptr || new_value == nullptr || *old_value != *new_value) out.emplace_back(name);
    }
    return out;
}

// Counted for as long as it lives.
class Events::Reader {
public:
    explicit Reader(std::shared_ptr<Watch> watch) : watch_(std::move(watch)) { ++watch_->readers; }
    ~Reader() { --watch_->readers; }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Watch& watch() const { return *watch_; }

private:
    std::shared_ptr<Watch> watch_;
};

Task<Result<EventPage>> Events::read(EventRequest request) {
    request.limit = std::clamp<std::size_t>(request.limit, 1, max_events_page);
    const auto until = Monotonic::now() + std::min(request.wait, max_events_wait);
    const Reader reader(watch_);
    auto& watch = reader.watch();
    if (request.wait.count() > 0 && watch.readers > most_waiting)
        co_return fail(Error(Errc::throttled, fmt::format("{} callers wait for events already", most_waiting))
                           .with_hint("ask without waiting, or end some of the others"));
    bool gap = false;
    for (;;) {
        const auto seen = watch.generation.load();
        MUSTER_CO_TRY(auto page, co_await store_.read([&](Tx& tx) { return read_page(tx, request); }));
        page.gap = gap = gap || page.gap;
        if (!page.events.empty() || page.more || watch.ends || Monotonic::now() >= until) co_return page;
        request.after = page.next;
        co_await wait_for_news(watch, seen, until);
    }
}

Task<Result<AuditPage>> Events::audit(AuditRequest request) {
    request.limit = std::clamp<std::size_t>(request.limit, 1, max_events_page);
    co_return co_await store_.read([&](Tx& tx) { return read_audit(tx, request); });
}

Task<Result<>> Events::record(store::Origin by, TimePoint now, std::string_view type, std::string subject,
                              json::object detail) {
    co_return co_await store_.transact([&](Tx& tx) { return tx.journal().change(by, now, type, subject, detail); });
}

Task<> Events::wait_for_news(Watch& watch, std::uint64_t seen, Monotonic::time_point until) {
    auto timer = std::make_shared<Timer>(co_await asio::this_coro::executor, until);
    std::list<std::shared_ptr<Timer>>::iterator place;
    {
        const std::lock_guard lock(watch.mutex);
        place = watch.timers.insert(watch.timers.end(), timer);
    }
    // Looked at only now: news that come later find the timer.
    if (watch.generation == seen) co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    {
        const std::lock_guard lock(watch.mutex);
        watch.timers.erase(place);
    }
    if (watch.generation == seen || watch.ends) co_return;
    timer->expires_at(std::min(until, Monotonic::now() + gathering));
    co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
}

void Events::wake() {
    ++watch_->generation;
    if (watch_->readers == 0) return;
    const std::lock_guard lock(watch_->mutex);
    // A timer is its reactor's own.
    for (const auto& timer : watch_->timers) asio::post(timer->get_executor(), [timer] { timer->cancel(); });
}

void Events::stop() {
    watch_->ends = true;
    wake();
}

}  // namespace muster::provisioning
