#include "provisioning/housekeeping.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>

#include "base/json.h"
#include "base/log.h"
#include "pki/certificate.h"
#include "provisioning/events.h"

namespace muster::provisioning {
namespace {

namespace asio = boost::asio;
using std::chrono::days;
using store::JournalEntry;
using store::Tx;

constexpr auto between_rounds = std::chrono::hours(1);
constexpr std::size_t erased_at_once = 1000;  // in one transaction: others wait for it
constexpr std::size_t page = 250;
constexpr std::string_view last_look_mark = "certificates.looked-at";
// Of clocks of several musterds.
constexpr auto clock_difference = std::chrono::minutes(10);
constexpr std::array warned_before{days(0), days(1), days(7), days(30)};

// The moments between which something is told.
struct Look {
    TimePoint last;
    TimePoint now;
};

// How long before its end the certificate is now, in steps; nothing when that was told before. `known_since`: what came
// after the last look has been told nothing yet.
std::optional<days> due_warning(TimePoint end, TimePoint known_since, const Look& look) {
    for (const auto before : warned_before) {
        if (end - before > look.now) continue;
        const bool is_news = end - before > look.last || known_since >= look.last;
        return is_news ? std::optional(before) : std::nullopt;
    }
    return std::nullopt;
}

struct Certified {
    std::string_view kind;  // of what holds it
    std::string id;
    std::string_view slot;
    TimePoint updated;
};

std::optional<JournalEntry> warning_of(const Certified& of, const std::string& subject_name, TimePoint end,
                                       const Look& look) {
    const auto before = due_warning(end, of.updated, look);
    if (!before) return std::nullopt;
    json::object detail{{"of", of.kind}, {"notAfterUtc", format_utc_seconds(end)}};
    if (!of.slot.empty()) detail["slot"] = of.slot;
    if (!subject_name.empty()) detail["subjectName"] = subject_name;
    if (before->count() != 0) detail["daysLeft"] = before->count();
    return JournalEntry{.time = look.now,
                        .type = before->count() == 0 ? "certificate.expired" : "certificate.expiring",
                        .subject = of.id,
                        .detail = json::serialize(detail)};
}

void warn_of(const Certified& of, const Bytes& der, const Look& look, std::vector<JournalEntry>& out) {
    if (der.empty()) return;
    // One that cannot be read is told of by the groups' own reading of it.
    const auto certificate = pki::Certificate::from_der(der);
    if (!certificate) return;
    if (auto entry = warning_of(of, certificate->subject(), certificate->not_after(), look))
        out.push_back(std::move(*entry));
}

using Warnings = std::vector<JournalEntry>;

// Each musterd looks at the certificate that it serves with, and all of them at what is in the store: so each such
// certificate has a mark of its own, by its end.
constexpr std::string_view server_marks = "certificates.looked-at/server/";

std::string server_mark(TimePoint end) {
    return fmt::format("{}{}", server_marks, end.time_since_epoch().count());
}

Result<std::optional<TimePoint>> last_look(Tx& tx, std::string_view mark) {
    MUSTER_TRY(const auto last, tx.marks().find(mark));
    if (!last) return std::nullopt;
    return TimePoint(Micros(*last));
}

void log_warnings(const Warnings& warnings) {
    for (const auto& warning : warnings)
        log::warn(warning.type == "certificate.expired" ? "a certificate has expired" : "a certificate nears its end",
                  {{"id", warning.subject}, {"detail", warning.detail}});
}

Result<Warnings> warn_of_authorities(Tx& tx, const Look& look) {
    Warnings out;
    MUSTER_TRY(const auto authorities, tx.ca_certificates().list());
    for (const auto& ca : authorities) warn_of({"caCertificate", ca.name, {}, ca.updated}, ca.certificate, look, out);
    MUSTER_TRY(const auto own, tx.issuing_authorities().list());
    for (const auto& ca : own) {
        if (!ca.active) continue;
        const auto certificate = pki::Certificate::from_pem(ca.chain);
        if (certificate)
            warn_of({"authority", certificate->common_name(), {}, ca.created}, certificate->der(), look, out);
    }
    return out;
}

Result<Warnings> warn_of_trust_bundles(Tx& tx, const Look& look) {
    constexpr std::size_t all = 1000;
    Warnings out;
    MUSTER_TRY(const auto bundles, tx.trust_bundles().list({}, all));
    for (const auto& bundle : bundles) {
        MUSTER_TRY(const auto certificates, pki::parse_chain(bundle.certificates));
        for (const auto& certificate : certificates)
            warn_of({"trustBundle", bundle.id, {}, bundle.updated}, certificate.der(), look, out);
    }
    return out;
}

struct Page {
    Warnings warnings;
    std::string next;  // empty on the last
};

Result<Page> warn_of_enrollments(Tx& tx, bool groups, const std::string& after, const Look& look) {
    auto table = groups ? tx.enrollment_groups() : tx.enrollments();
    MUSTER_TRY(const auto records, table.list({.after = after, .limit = page}));
    Page out;
    const std::string_view kind = groups ? "enrollmentGroup" : "enrollment";
    for (const auto& record : records) {
        warn_of({kind, record.id, "primary", record.updated}, record.primary_certificate, look, out.warnings);
        warn_of({kind, record.id, "secondary", record.updated}, record.secondary_certificate, look, out.warnings);
    }
    if (records.size() == page) out.next = records.back().id;
    return out;
}

}  // namespace

Task<> Housekeeping::run() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
        if (auto done = co_await forget_old_entries(); !done)
            log::error("old entries of the journal stay", {{"error", done.error().chain()}});
        if (auto done = co_await tell_of_expiring_certificates(); !done)
            log::error("certificates were not looked at", {{"error", done.error().chain()}});
        timer.expires_after(between_rounds);
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    }
}

// The newest entry always stays: the ids go on from it.
Task<Result<std::int64_t>> Housekeeping::erase(std::int64_t before, bool changes) {
    std::int64_t erased = 0;
    for (;;) {
        MUSTER_CO_TRY(const auto some, co_await store_.transact([&](Tx& tx) -> Result<std::int64_t> {
            MUSTER_TRY(const auto newest, tx.journal().newest());
            const auto bound = std::min(before, newest);
            MUSTER_TRY(const auto count, tx.journal().erase_before(bound, changes, erased_at_once));
            MUSTER_TRY(const auto erased_before, tx.marks().find(erased_events_mark));
            const auto mark = std::max(bound, erased_before.value_or(0));
            if (!changes && count > 0) MUSTER_CHECK(tx.marks().put(erased_events_mark, mark));
            return count;
        }));
        erased += some;
        if (some < static_cast<std::int64_t>(erased_at_once)) co_return erased;
    }
}

Task<Result<>> Housekeeping::forget_old_entries() {
    struct Bounds {
        std::int64_t events = 0;
        std::int64_t changes = 0;
    };
    const auto now = clock_.now();
    MUSTER_CO_TRY(const auto bounds, co_await store_.read([&](Tx& tx) -> Result<Bounds> {
        Bounds out;
        MUSTER_TRY(const auto newest, tx.journal().newest());
        const auto first_kept = [&](days kept) -> Result<std::int64_t> {
            if (kept.count() == 0) return 0;
            MUSTER_TRY(const auto first, tx.journal().first_since(now - kept));
            return first.value_or(newest);
        };
        MUSTER_TRY(out.events, first_kept(retention_.events));
        out.events = std::max(out.events, newest - static_cast<std::int64_t>(retention_.most_events) + 1);
        MUSTER_TRY(out.changes, first_kept(retention_.changes));
        return out;
    }));
    MUSTER_CO_TRY(const auto events, co_await erase(bounds.events, false));
    MUSTER_CO_TRY(const auto changes, co_await erase(bounds.changes, true));
    // Certificates come and go, and nobody is told of one any more when it has ended.
    constexpr auto long_ago = days(365);
    MUSTER_CO_CHECK(co_await store_.transact(
        [&](Tx& tx) { return tx.marks().erase_below(server_marks, (now - long_ago).time_since_epoch().count()); }));
    if (events + changes > 0)
        log::info("old entries of the journal were removed", {{"events", events}, {"changes", changes}});
    co_return Result<>();
}

Task<Result<>> Housekeeping::tell_of_expiring_certificates() {
    MUSTER_CO_CHECK(co_await tell_of_stored_certificates());
    co_return co_await tell_of_server_certificate();
}

Task<Result<>> Housekeeping::tell_of_stored_certificates() {
    const auto now = clock_.now();
    MUSTER_CO_TRY(const auto last, co_await store_.read([](Tx& tx) { return last_look(tx, last_look_mark); }));
    const Look look{last.value_or(TimePoint()), now};
    // Another musterd looked a moment ago, by a clock that is ahead of ours.
    if (look.last > now && look.last - now < clock_difference) co_return Result<>();
    MUSTER_CO_TRY(auto all, co_await store_.read([&](Tx& tx) { return warn_of_authorities(tx, look); }));
    MUSTER_CO_TRY(auto bundled, co_await store_.read([&](Tx& tx) { return warn_of_trust_bundles(tx, look); }));
    std::ranges::move(bundled, std::back_inserter(all));
    for (const bool groups : {true, false}) {
        std::string after;
        do {
            MUSTER_CO_TRY(auto some,
                          co_await store_.read([&](Tx& tx) { return warn_of_enrollments(tx, groups, after, look); }));
            std::ranges::move(some.warnings, std::back_inserter(all));
            after = std::move(some.next);
        } while (!after.empty());
    }
    MUSTER_CO_TRY(const auto told, co_await tell(all, last_look_mark, last, now));
    if (told) log_warnings(all);
    co_return Result<>();
}

Task<Result<>> Housekeeping::tell_of_server_certificate() {
    const auto now = clock_.now();
    const auto end = server_end_();
    const auto mark = server_mark(end);
    MUSTER_CO_TRY(const auto last, co_await store_.read([&](Tx& tx) { return last_look(tx, mark); }));
    const auto warning = warning_of({"server", "musterd", {}, {}}, {}, end, {last.value_or(TimePoint()), now});
    if (!warning) co_return Result<>();
    const Warnings all{*warning};
    MUSTER_CO_TRY(const auto told, co_await tell(all, mark, last, now));
    if (told) log_warnings(all);
    co_return Result<>();
}

// False when another musterd has looked meanwhile: it tells the same. The mark goes with what was told: after a crash
// neither is there, and the next look tells it.
Task<Result<bool>> Housekeeping::tell(const std::vector<JournalEntry>& warnings, std::string_view mark,
                                      std::optional<TimePoint> last, TimePoint now) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<bool> {
        MUSTER_TRY(const auto newest, last_look(tx, mark));
        if (newest != last) return false;
        for (const auto& warning : warnings) MUSTER_CHECK(tx.journal().append(warning));
        MUSTER_CHECK(tx.marks().put(mark, now.time_since_epoch().count()));
        return true;
    });
}

}  // namespace muster::provisioning
