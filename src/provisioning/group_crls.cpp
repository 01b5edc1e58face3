#include "provisioning/group_crls.h"

#include "base/text.h"
#include "provisioning/crl_refresh.h"
#include "provisioning/crl_rules.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

using store::CrlSource;
using store::GroupCrlRecord;
using store::Tx;

constexpr std::size_t longest_url = 2048;
// At a time, as they are set: each may take a minute, and its answer 24 MiB.
constexpr long most_fetches = 4;

Error no_such_group(std::string_view id) {
    return Error(Errc::not_found, fmt::format("there is no enrollment group '{}'", printable(id)))
        .with_number(code::not_found);
}

void add_source(const CrlSource& source, json::object& out) {
    out["url"] = source.url;
    out["refreshSeconds"] = source.interval.count();
    out["fetchedUtc"] = format_utc(source.fetched);
    out["nextFetchUtc"] = format_utc(source.due);
    out["failures"] = source.failures;
    if (!source.problem.empty()) out["problem"] = source.problem;
}

json::object to_json(const GroupCrlRecord& record, const pki::RevocationList& list, TimePoint now) {
    json::object out{{"enrollmentGroupId", record.group_id},
                     {"issuer", list.issuer()},
                     {"issuerThumbprint", record.issuer},
                     {"thisUpdateUtc", format_utc(list.this_update())},
                     {"nextUpdateUtc", nullptr},
                     {"entries", list.size()},
                     {"mustBeCurrent", record.must_be_current},
                     {"ended", has_ended(list, now)},
                     {"updatedUtc", format_utc(record.updated)}};
    if (const auto next = list.next_update()) out["nextUpdateUtc"] = format_utc(*next);
    if (record.source) add_source(*record.source, out);
    return out;
}

// Certificates in PEM, checked; empty without the member.
Result<std::string> read_certificates(const json::object& body, std::string_view name) {
    MUSTER_TRY(auto text, optional_string(body, name));
    if (!text || text->empty()) return std::string();
    if (const auto chain = pki::parse_chain(*text); !chain)
        return fail(bad_body(fmt::format("\"{}\": {}", name, chain.error().chain())));
    return std::move(*text);
}

Result<std::optional<CrlSource>> read_source(const json::object& body) {
    MUSTER_TRY(const auto url, optional_string(body, "url"));
    MUSTER_TRY(const auto interval, optional_integer(body, "refreshSeconds"));
    if (!url && (interval || find_member(body, "caCertificate") != nullptr))
        return fail(bad_body("\"refreshSeconds\" and \"caCertificate\" belong to a list with a \"url\""));
    if (!url) return std::nullopt;
    if (find_member(body, "crl") != nullptr) return fail(bad_body("give either \"crl\" or \"url\""));
    MUSTER_CHECK(check_crl_url(*url));
    CrlSource source{.url = *url};
    if (interval) source.interval = std::chrono::seconds(*interval);
    if (source.interval < shortest_crl_interval || source.interval > longest_crl_interval)
        return fail(bad_body(fmt::format("\"refreshSeconds\" must be {} to {}", shortest_crl_interval.count(),
                                         longest_crl_interval.count())));
    MUSTER_TRY(source.certificates, read_certificates(body, "caCertificate"));
    if (!source.certificates.empty() && !starts_with_ignore_case(*url, "https://"))
        return fail(bad_body("\"caCertificate\" is the CA of an https server, and the \"url\" begins with http://")
                        .with_hint("leave it out: the list is signed, and its signature is what counts; or write "
                                   "https://"));
    MUSTER_TRY(source.issuers, read_certificates(body, "issuers"));
    return source;
}

// Another list of the group that came from the same address, of another CA: it stays as it is.
Result<> release_address(Tx& tx, const GroupCrlRecord& made) {
    if (!made.source) return {};
    MUSTER_TRY(const auto present, tx.group_crls().list_group(made.group_id));
    for (const auto& head : present) {
        if (head.issuer == made.issuer || !head.source || head.source->url != made.source->url) continue;
        MUSTER_TRY(auto other, tx.group_crls().find(head.group_id, head.issuer));
        if (!other) continue;
        other->source.reset();
        MUSTER_CHECK(tx.group_crls().put(*other));
    }
    return {};
}

}  // namespace

Result<> check_crl_url(std::string_view url) {
    const auto wrong = [&](std::string_view what) {
        return fail(bad_body(fmt::format("\"url\" {}", what))
                        .with_hint("write where the CA publishes its list: \"http://ca.example/plant.crl\""));
    };
    if (url.size() > longest_url) return wrong(fmt::format("has more than {} bytes", longest_url));
    const bool secure = starts_with_ignore_case(url, "https://");
    if (!secure && !starts_with_ignore_case(url, "http://")) return wrong("must begin with http:// or https://");
    const auto rest = url.substr(url.find("://") + 3);
    const auto host = rest.substr(0, rest.find_first_of("/?#"));
    if (host.empty() || host.front() == ':') return wrong("names no host");
    if (host.find('@') != host.npos) return wrong("must hold no user and no password");
    for (const char c : url)
        if (c <= ' ' || c > '~') return wrong("holds characters that must be percent-encoded");
    return {};
}

// A list and what is said of it.
struct GroupCrls::Given {
    pki::RevocationList list;
    pki::CertificateChain issuers;
    bool must_be_current = false;
    std::optional<CrlSource> source;
};

Task<Result<pki::RevocationList>> GroupCrls::fetch(const CrlSource& source) {
    const auto turn = turns_;
    if (turn.use_count() - 1 > most_fetches)
        co_return fail(
            Error(Errc::throttled, fmt::format("{} other revocation lists are being fetched already", most_fetches))
                .with_hint("try again in a minute, one after the other"));
    auto fetched = co_await fetcher_.fetch(source.url, source.certificates);
    if (!fetched)
        co_return fail(bad_body(fmt::format("the revocation list cannot be fetched: {}", fetched.error().chain()))
                           .with_hint(fetched.error().hint()));
    co_return std::move(*fetched);
}

Task<Result<GroupCrls::Given>> GroupCrls::read_body(json::object body) {
    MUSTER_CO_TRY(const auto issuers, read_certificates(body, "issuers"));
    MUSTER_CO_TRY(const auto must_be_current, optional_bool(body, "mustBeCurrent"));
    MUSTER_CO_TRY(auto source, read_source(body));
    pki::CertificateChain chain;
    if (!issuers.empty()) {
        MUSTER_CO_TRY(chain, pki::parse_chain(issuers));
    }
    std::optional<pki::RevocationList> list;
    if (source) {
        MUSTER_CO_TRY(list, co_await fetch(*source));
    } else {
        MUSTER_CO_TRY(const auto text, required_string(body, "crl"));
        auto read = pki::RevocationList::from_any(text);
        if (!read) co_return fail(bad_body(fmt::format("\"crl\": {}", read.error().chain())));
        list = std::move(*read);
    }
    const auto now = clock_.now();
    MUSTER_CO_CHECK(check_list_begins(*list, now));
    if (must_be_current.value_or(false) && has_ended(*list, now))
        co_return fail(
            bad_body(fmt::format("the revocation list ended at {}, and it must be current: it would keep "
                                 "everyone out",
                                 format_utc_seconds(*list->next_update()))));
    if (source) {
        source->fetched = now;
        source->due = next_crl_fetch(*list, source->interval, now);
    }
    co_return Given{std::move(*list), std::move(chain), must_be_current.value_or(false), std::move(source)};
}

Task<Result<json::object>> GroupCrls::put(std::string group_id, json::object body, store::Origin by) {
    MUSTER_CO_TRY(const auto given, co_await read_body(std::move(body)));
    const auto now = clock_.now();
    MUSTER_CO_TRY(const auto issuer, co_await store_.read([&](Tx& tx) -> Result<ListIssuer> {
        MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
        if (!group) return fail(no_such_group(group_id));
        return find_list_issuer(tx, *group, given.list, given.issuers, now);
    }));
    GroupCrlRecord wanted{.group_id = {},
                          .issuer = issuer.certificate.sha256_thumbprint(),
                          .list = {},
                          .certificate = issuer.certificate.der(),
                          .must_be_current = given.must_be_current,
                          .updated = now,
                          .source = given.source};
    put_list(wanted, given.list);
    MUSTER_CO_TRY(const auto record, co_await store_.transact([&](Tx& tx) -> Result<GroupCrlRecord> {
        MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
        if (!group) return fail(no_such_group(group_id));
        MUSTER_CHECK(check_list_issuer(tx, *group, issuer));
        auto made = wanted;
        made.group_id = group->id;
        MUSTER_CHECK(make_room_for_list(tx, made, given.list));
        MUSTER_CHECK(release_address(tx, made));
        MUSTER_CHECK(tx.group_crls().put(made));
        json::object detail{{"issuer", given.list.issuer()},
                            {"thisUpdateUtc", format_utc(given.list.this_update())},
                            {"entries", given.list.size()}};
        if (made.source) detail["url"] = made.source->url;
        MUSTER_CHECK(tx.journal().change(by, now, "revocationList.written", made.group_id, detail));
        return made;
    }));
    MUSTER_CO_CHECK(co_await groups_.refresh_everywhere());
    if (record.source) tell_();
    co_return to_json(record, given.list, now);
}

Task<Result<json::array>> GroupCrls::list(std::string group_id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::array> {
        MUSTER_TRY(const auto group, tx.enrollment_groups().find(group_id));
        if (!group) return fail(no_such_group(group_id));
        MUSTER_TRY(const auto records, tx.group_crls().list_group(group_id));
        json::array out;
        for (const auto& head : records) {
            MUSTER_TRY(const auto record, tx.group_crls().find(head.group_id, head.issuer));
            if (!record) continue;
            MUSTER_TRY(const auto list, pki::RevocationList::from_der(record->list));
            out.push_back(to_json(*record, list, clock_.now()));
        }
        return out;
    });
}

Task<Result<>> GroupCrls::remove(std::string group_id, std::string issuer, store::Origin by) {
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto erased, tx.group_crls().erase(group_id, to_upper(issuer)));
        if (erased)
            return tx.journal().change(by, clock_.now(), "revocationList.deleted", group_id,
                                       {{"issuer", to_upper(issuer)}});
        return fail(
            Error(Errc::not_found, fmt::format("the enrollment group '{}' has no revocation list of the issuer {}",
                                               printable(group_id), printable(issuer)))
                .with_number(code::not_found));
    }));
    co_return co_await groups_.refresh();
}

}  // namespace muster::provisioning
