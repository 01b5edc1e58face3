#include "provisioning/trust_bundles.h"

#include "base/text.h"
#include "pki/certificate.h"
#include "provisioning/attestation_json.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {
namespace {

using store::TrustBundleRecord;
using store::Tx;

// It goes along in answers over MQTT and AMQP: the C SDK takes messages of 64 KB, with what else is in them.
constexpr std::size_t largest_bundle = 32 * 1024;
constexpr std::size_t largest_answer = 56 * 1024;
constexpr auto keep_it_small = "devices get all of them with each registration: give the roots alone";
constexpr std::int64_t most_bundles = 1000;
constexpr std::string_view first_version = "2021-11-01";
constexpr std::string_view bundle_member = "trustBundleId";

Error no_such(std::string_view id) {
    return Error(Errc::not_found, fmt::format("there is no trust bundle '{}'", printable(id)))
        .with_number(code::not_found);
}

Result<json::object> to_json(const TrustBundleRecord& record, bool with_certificates = true) {
    MUSTER_TRY(const auto certificates, pki::parse_chain(record.certificates));
    json::array list;
    for (const auto& certificate : certificates) {
        json::object entry{{"metadata", certificate_info(certificate)}};
        if (with_certificates) entry["certificate"] = certificate.pem();
        list.push_back(std::move(entry));
    }
    return json::object{{"certificates", std::move(list)},
                        {"id", record.id},
                        {"createdDateTime", format_utc(record.created)},
                        {"lastModifiedDateTime", format_utc(record.updated)},
                        {"etag", record.etag}};
}

// One entry of "certificates"; a text in PEM may hold several.
Result<pki::CertificateChain> read_entry(const json::value& entry) {
    if (!entry.is_object()) return fail(Errc::invalid_argument, "must be an object with \"certificate\"");
    MUSTER_TRY(const auto text, required_string(entry.as_object(), "certificate"));
    if (text.contains("-----BEGIN CERTIFICATE-----")) return pki::parse_chain(text);
    MUSTER_TRY(auto certificate, pki::Certificate::from_any(text));
    return pki::CertificateChain{std::move(certificate)};
}

Result<std::string> read_certificates(const json::object& body) {
    const auto* list = find_member(body, "certificates");
    if (list == nullptr || !list->is_array() || list->as_array().empty())
        return fail(bad_body("\"certificates\" must be an array of at least one {\"certificate\": PEM}"));
    std::string pem;
    for (std::size_t i = 0; i < list->as_array().size(); ++i) {
        const auto certificates = read_entry(list->as_array()[i]);
        if (!certificates)
            return fail(bad_body(fmt::format("\"certificates\"[{}]: {}", i, certificates.error().chain())));
        for (const auto& certificate : *certificates) pem += certificate.pem();
        if (pem.size() > largest_bundle)
            return fail(bad_body(fmt::format("the certificates have more than {} bytes", largest_bundle))
                            .with_hint(keep_it_small));
    }
    return pem;
}

// One that could not be read again, or not be told to devices, would keep out those whose enrollments name it.
Result<> check_answer(const TrustBundleRecord& record) {
    const auto answer = to_json(record);
    if (!answer) return fail(bad_body(answer.error().chain()).with_hint(keep_it_small));
    const auto size = json::serialize(*answer).size();
    if (size <= largest_answer) return {};
    return fail(bad_body(fmt::format("with what is said of each certificate, the bundle has {} bytes; {} are the most",
                                     size, largest_answer))
                    .with_hint(keep_it_small));
}

json::object journal_detail(const TrustBundleRecord* before, const TrustBundleRecord* after) {
    json::object detail;
    if (before != nullptr) detail["etagBefore"] = before->etag;
    if (after == nullptr) return detail;
    detail["etagAfter"] = after->etag;
    json::array prints;
    if (const auto certificates = pki::parse_chain(after->certificates))
        for (const auto& certificate : *certificates) prints.emplace_back(certificate.sha256_thumbprint());
    detail["sha256"] = std::move(prints);
    return detail;
}

Result<> check_unused(Tx& tx, std::string_view id) {
    constexpr std::size_t shown = 5;
    MUSTER_TRY(const auto users, tx.trust_bundles().users(id, shown));
    if (users.empty()) return {};
    return fail(
        Error(Errc::conflict, fmt::format("cannot delete the trust bundle '{}': it is named by {}{}", printable(id),
                                          join(users, ", "), users.size() < shown ? "" : ", ..."))
            .with_hint("take it out of these enrollments and groups first")
            .with_number(code::certificate_in_use));
}

}  // namespace

Task<Result<json::object>> TrustBundles::put(std::string id, json::object body, std::optional<std::string> if_match,
                                             store::Origin by) {
    MUSTER_CO_CHECK(check_id(id, "trust bundle id"));
    TrustBundleRecord record{.id = id, .etag = make_enrollment_etag(random_), .certificates = {}};
    MUSTER_CO_TRY(record.certificates, read_certificates(body));
    MUSTER_CO_CHECK(check_answer(record));
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto existing, tx.trust_bundles().find(id));
        if (if_match && !existing) return fail(no_such(id));
        if (if_match) MUSTER_CHECK(check_if_match(*if_match, existing->etag, fmt::format("trust bundle '{}'", id)));
        MUSTER_TRY(const auto count, tx.trust_bundles().count());
        if (!existing && count >= most_bundles)
            return fail(bad_body(fmt::format("there are {} trust bundles, which is the limit", count)));
        const auto now = clock_.now();
        record.created = existing ? existing->created : now;
        record.updated = now;
        MUSTER_CHECK(tx.trust_bundles().put(record));
        return tx.journal().change(by, now, existing ? "trustBundle.updated" : "trustBundle.created", record.id,
                                   journal_detail(existing ? &*existing : nullptr, &record));
    }));
    co_return to_json(record);
}

Task<Result<json::object>> TrustBundles::get(std::string id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, tx.trust_bundles().find(id));
        if (!record) return fail(no_such(id));
        return to_json(*record);
    });
}

Task<Result<PageOf>> TrustBundles::query(json::object body, PageRequest page, bool with_certificates) {
    MUSTER_CO_CHECK(check_query(body));
    MUSTER_CO_TRY(const auto after, read_continuation(page.continuation));
    co_return co_await store_.read([&](Tx& tx) -> Result<PageOf> {
        const auto limit = page_size(page);
        MUSTER_TRY(auto records, tx.trust_bundles().list(after, limit + 1));
        PageOf out{.items = {}, .continuation = cut_page(records, limit, [](const auto& record) { return record.id; })};
        for (const auto& record : records) {
            MUSTER_TRY(auto item, to_json(record, with_certificates));
            out.items.push_back(std::move(item));
        }
        return out;
    });
}

Task<Result<>> TrustBundles::remove(std::string id, std::optional<std::string> if_match, store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto record, tx.trust_bundles().find(id));
        if (!record) return fail(no_such(id));
        if (if_match) MUSTER_CHECK(check_if_match(*if_match, record->etag, fmt::format("trust bundle '{}'", id)));
        MUSTER_CHECK(check_unused(tx, id));
        MUSTER_CHECK(tx.trust_bundles().erase(id));
        return tx.journal().change(by, clock_.now(), "trustBundle.deleted", record->id,
                                   journal_detail(&*record, nullptr));
    });
}

Result<> use_trust_bundle(Tx& tx, store::EnrollmentRecord& record, const store::EnrollmentRecord* existing) {
    MUSTER_TRY(const auto body, parse_json_object(record.body));
    record.trust_bundle = string_or(body, bundle_member);
    if (record.trust_bundle.empty()) return {};
    MUSTER_TRY(const auto bundle, tx.trust_bundles().find(record.trust_bundle));
    if (bundle) return {};
    const auto before =
        existing != nullptr ? parse_json_object(existing->body).value_or(json::object()) : json::object();
    if (equals_ignore_case(string_or(before, bundle_member), record.trust_bundle)) return {};
    return fail(bad_body(fmt::format("\"{}\" names the trust bundle '{}', which is not there", bundle_member,
                                     printable(record.trust_bundle)))
                    .with_hint("make it first: `muster trust-bundle create`"));
}

Result<std::optional<TrustBundleRecord>> trust_bundle_of(Tx& tx, const store::RegistrationRecord& registration,
                                                         std::string_view api_version) {
    // Dates of this form are ordered as their text is.
    if (registration.status != "assigned" || api_version.substr(0, first_version.size()) < first_version)
        return std::nullopt;
    MUSTER_TRY(const auto enrollment, registration.group_id.empty()
                                          ? tx.enrollments().find(registration.id)
                                          : tx.enrollment_groups().find(registration.group_id));
    if (!enrollment || enrollment->trust_bundle.empty()) return std::nullopt;
    return tx.trust_bundles().find(enrollment->trust_bundle);
}

Result<std::shared_ptr<const json::object>> TrustBundleAnswers::of(const TrustBundleRecord& bundle) {
    constexpr std::size_t most_known = 64;
    {
        const std::lock_guard lock(mutex_);
        const auto entry = known_.find(bundle.id);
        if (entry != known_.end() && entry->second.etag == bundle.etag) return entry->second.answer;
    }
    MUSTER_TRY(auto answer, to_json(bundle));
    auto made = std::make_shared<const json::object>(std::move(answer));
    const std::lock_guard lock(mutex_);
    if (known_.size() >= most_known) known_.clear();
    known_[bundle.id] = {bundle.etag, made};
    return made;
}

}  // namespace muster::provisioning
