#include "provisioning/ca_certificates.h"

#include <openssl/x509.h>

#include "base/text.h"
#include "pki/certificate.h"
#include "provisioning/attestation_json.h"
#include "provisioning/enrollment.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {
namespace {

using store::CaCertificateRecord;
using store::Tx;

constexpr std::size_t max_name = 256;

Error no_such(std::string_view name) {
    return Error(Errc::not_found, fmt::format("there is no CA certificate '{}'", printable(name)))
        .with_number(code::not_found);
}

Result<> check_name(std::string_view name) {
    if (!name.empty() && name.size() <= max_name && std::ranges::all_of(name, [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
        }))
        return {};
    return fail(bad_body(
        fmt::format("the certificate name '{}' must have 1 to {} letters, digits or -._", printable(name), max_name)));
}

Result<json::object> to_json(const CaCertificateRecord& record) {
    MUSTER_TRY(const auto certificate, pki::Certificate::from_der(record.certificate));
    json::object properties{{"subject", certificate.subject()},
                            {"expiry", format_utc(certificate.not_after())},
                            {"thumbprint", certificate.sha1_thumbprint()},
                            {"isVerified", record.verified},
                            {"certificate", base64_encode(record.certificate)},
                            {"created", format_utc(record.created)},
                            {"updated", format_utc(record.updated)}};
    if (!record.verification_code.empty()) properties["verificationCode"] = record.verification_code;
    return json::object{{"name", record.name}, {"etag", record.etag}, {"properties", std::move(properties)}};
}

// The groups that refer to the name.
Result<std::vector<std::string>> referring_groups(Tx& tx, std::string_view name) {
    constexpr std::size_t page = 500;
    std::vector<std::string> names;
    std::string after;
    for (;;) {
        MUSTER_TRY(const auto groups, tx.enrollment_groups().list({.after = after, .limit = page}));
        for (const auto& group : groups) {
            const auto references = ca_references(group);
            if (std::ranges::any_of(references, [&](const auto& r) { return equals_ignore_case(r, name); }))
                names.push_back(group.id);
        }
        if (groups.size() < page) return names;
        after = groups.back().id;
    }
}

Result<> check_unused(Tx& tx, std::string_view name, std::string_view doing) {
    MUSTER_TRY(const auto groups, referring_groups(tx, name));
    if (groups.empty()) return {};
    return fail(Error(Errc::conflict, fmt::format("cannot {} the CA certificate '{}': it is referred to by {}", doing,
                                                  name, join(groups, ", ")))
                    .with_hint("change or delete these enrollment groups first")
                    .with_number(code::certificate_in_use));
}

// What the journal tells of a change: which certificate, and the record before and after.
json::object journal_detail(const CaCertificateRecord* before, const CaCertificateRecord* after) {
    const auto& shown = after != nullptr ? *after : *before;
    json::object detail{{"sha256", hex_encode_upper(pki::sha256(shown.certificate))}, {"isVerified", shown.verified}};
    if (before != nullptr) detail["etagBefore"] = before->etag;
    if (after != nullptr) detail["etagAfter"] = after->etag;
    return detail;
}

// The body as the control plane writes it ({"properties": {...}}) or flat.
const json::object& properties_of(const json::object& body) {
    const auto* properties = find_member(body, "properties");
    return properties != nullptr && properties->is_object() ? properties->as_object() : body;
}

// Writing the same certificate again takes no proof away.
void keep_verification(const CaCertificateRecord& existing, CaCertificateRecord& record) {
    if (existing.certificate != record.certificate) return;
    record.verified = record.verified || existing.verified;
    if (!record.verified) record.verification_code = existing.verification_code;
}

// That `proof` is signed with the CA's key and carries the code.
Result<> check_proof(const CaCertificateRecord& record, const pki::Certificate& proof) {
    if (record.verification_code.empty())
        return fail(bad_body(fmt::format("no verification code was made for '{}'", record.name))
                        .with_hint("make one first: muster ca-certificate verification-code, or POST "
                                   "/certificates/{name}/generateVerificationCode"));
    if (!equals_ignore_case(proof.common_name(), record.verification_code))
        return fail(
            bad_body(fmt::format("the certificate's common name is '{}', the verification code of '{}' is '{}'",
                                 printable(proof.common_name()), record.name, record.verification_code))
                .with_hint("sign a certificate with that code as its common name; a new code replaces the old"));
    MUSTER_TRY(const auto authority, pki::Certificate::from_der(record.certificate));
    MUSTER_TRY(const auto key, authority.public_key());
    if (X509_verify(proof.get(), key.get()) == 1) return {};
    return fail(
        bad_body(fmt::format("the certificate is not signed with the key of '{}'", printable(authority.subject())))
            .with_hint("sign it with the key of the uploaded CA certificate itself, not of one below it"));
}

Result<CaCertificateRecord> read_body(std::string_view name, const json::object& body) {
    MUSTER_CHECK(check_name(name));
    const auto& properties = properties_of(body);
    MUSTER_TRY(const auto text, required_string(properties, "certificate"));
    MUSTER_TRY(const auto verified, optional_bool(properties, "isVerified"));
    auto certificate = pki::Certificate::from_any(text);
    if (!certificate)
        return fail(
            certificate.error().wrap(Errc::invalid_argument, "\"certificate\"").with_number(code::invalid_body));
    if (!certificate->is_ca())
        return fail(bad_body(fmt::format("'{}' is not a CA certificate: basicConstraints CA:TRUE is missing",
                                         printable(certificate->subject()))));
    return CaCertificateRecord{
        .name = std::string(name), .certificate = certificate->der(), .verified = verified.value_or(false)};
}

}  // namespace

Task<Result<json::object>> CaCertificates::put(std::string name, json::object body, std::optional<std::string> if_match,
                                               store::Origin by) {
    MUSTER_CO_TRY(const auto given, read_body(name, body));
    MUSTER_CO_TRY(const auto written, co_await store_.transact([&](Tx& tx) -> Result<CaCertificateRecord> {
        auto record = given;
        MUSTER_TRY(const auto existing, tx.ca_certificates().find(name));
        if (if_match) {
            if (!existing) return fail(no_such(name));
            MUSTER_CHECK(check_if_match(*if_match, existing->etag, fmt::format("CA certificate '{}'", name)));
        }
        if (existing && existing->certificate != record.certificate) MUSTER_CHECK(check_unused(tx, name, "replace"));
        const auto now = clock_.now();
        record.etag = make_enrollment_etag(random_);
        record.created = existing ? existing->created : now;
        if (existing) keep_verification(*existing, record);
        record.updated = now;
        MUSTER_CHECK(tx.ca_certificates().put(record));
        MUSTER_CHECK(tx.journal().change(by, now, existing ? "certificate.updated" : "certificate.created", record.name,
                                         journal_detail(existing ? &*existing : nullptr, &record)));
        return record;
    }));
    MUSTER_CO_CHECK(co_await groups_.refresh_everywhere());
    co_return to_json(written);
}

Task<Result<json::object>> CaCertificates::get(std::string name) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, tx.ca_certificates().find(name));
        if (!record) return fail(no_such(name));
        return to_json(*record);
    });
}

Task<Result<json::array>> CaCertificates::list() {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::array> {
        MUSTER_TRY(const auto records, tx.ca_certificates().list());
        json::array out;
        for (const auto& record : records) {
            MUSTER_TRY(auto object, to_json(record));
            out.push_back(std::move(object));
        }
        return out;
    });
}

Task<Result<>> CaCertificates::remove(std::string name, std::optional<std::string> if_match, store::Origin by) {
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto record, tx.ca_certificates().find(name));
        if (!record) return fail(no_such(name));
        if (if_match) MUSTER_CHECK(check_if_match(*if_match, record->etag, fmt::format("CA certificate '{}'", name)));
        MUSTER_CHECK(check_unused(tx, name, "delete"));
        MUSTER_CHECK(tx.ca_certificates().erase(name));
        return tx.journal().change(by, clock_.now(), "certificate.deleted", record->name,
                                   journal_detail(&*record, nullptr));
    }));
    co_return co_await groups_.refresh_everywhere();
}

Task<Result<json::object>> CaCertificates::change(std::string name, std::string if_match, std::string_view type,
                                                  const store::Origin& by,
                                                  std::function<Result<>(CaCertificateRecord&)> edit) {
    auto changed = co_await store_.transact([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(auto record, tx.ca_certificates().find(name));
        if (!record) return fail(no_such(name));
        MUSTER_CHECK(check_if_match(if_match, record->etag, fmt::format("CA certificate '{}'", name)));
        const auto before = *record;
        MUSTER_CHECK(edit(*record));
        record->etag = make_enrollment_etag(random_);
        record->updated = clock_.now();
        MUSTER_CHECK(tx.ca_certificates().put(*record));
        MUSTER_CHECK(tx.journal().change(by, record->updated, type, record->name, journal_detail(&before, &*record)));
        return to_json(*record);
    });
    if (changed) MUSTER_CO_CHECK(co_await groups_.refresh());
    co_return changed;
}

Task<Result<json::object>> CaCertificates::make_verification_code(std::string name, std::string if_match,
                                                                  store::Origin by) {
    co_return co_await change(std::move(name), std::move(if_match), "certificate.verificationCodeMade", by,
                              [this](CaCertificateRecord& record) -> Result<> {
                                  record.verification_code = hex_encode_upper(random_.bytes(24));
                                  return {};
                              });
}

Task<Result<json::object>> CaCertificates::verify(std::string name, json::object body, std::string if_match,
                                                  store::Origin by) {
    MUSTER_CO_TRY(const auto text, required_string(properties_of(body), "certificate"));
    const auto proof = pki::Certificate::from_any(text);
    if (!proof)
        co_return fail(proof.error().wrap(Errc::invalid_argument, "\"certificate\"").with_number(code::invalid_body));
    co_return co_await change(std::move(name), std::move(if_match), "certificate.verified", by,
                              [&](CaCertificateRecord& record) -> Result<> {
                                  MUSTER_CHECK(check_proof(record, *proof));
                                  record.verified = true;
                                  record.verification_code.clear();
                                  return {};
                              });
}

}  // namespace muster::provisioning
