#include "provisioning/attestation_json.h"

#include "base/bytes.h"
#include "base/text.h"
#include "provisioning/errors.h"
#include "wire/tpm/structures.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;

constexpr std::size_t generated_key_bytes = 64;
constexpr std::size_t tpm_key_bytes = 32;  // the digest of HMAC-SHA256

// One certificate slot of a body: absent, kept by its info, or new.
Result<Bytes> read_certificate(const json::object& certificates, std::string_view slot, std::string_view path,
                               const EnrollmentRecord* existing) {
    MUSTER_TRY(const auto* entry, optional_object(certificates, slot));
    if (entry == nullptr) return Bytes();
    const auto name = fmt::format("{}.{}", path, slot);
    MUSTER_TRY(const auto text, optional_string(*entry, "certificate"));
    if (text && !text->empty()) {
        auto certificate = pki::Certificate::from_any(*text);
        if (!certificate)
            return fail(certificate.error()
                            .wrap(Errc::invalid_argument, fmt::format("{}.certificate", name))
                            .with_number(code::invalid_body));
        return certificate->der();
    }
    MUSTER_TRY(const auto* info, optional_object(*entry, "info"));
    if (info == nullptr) return fail(bad_body(fmt::format("{} needs a \"certificate\"", name)));
    if (existing == nullptr)
        return fail(
            bad_body(fmt::format("{} has only the info of a certificate, and there is none stored to keep", name)));
    // The info may stand in the other slot than before: primary and secondary were exchanged.
    const auto wanted = to_upper(string_or(*info, "sha256Thumbprint"));
    for (const auto* stored : {&existing->primary_certificate, &existing->secondary_certificate})
        if (!stored->empty() && hex_encode_upper(pki::sha256(*stored)) == wanted) return *stored;
    const auto& same_slot = slot == "primary" ? existing->primary_certificate : existing->secondary_certificate;
    if (wanted.empty() && !same_slot.empty()) return same_slot;
    return fail(bad_body(
        fmt::format("{} names a certificate by info.sha256Thumbprint that this enrollment does not hold", name)));
}

Result<> check_signing_certificate(const Bytes& der, std::string_view slot) {
    if (der.empty()) return {};
    MUSTER_TRY(const auto certificate, pki::Certificate::from_der(der));
    if (certificate.is_ca()) return {};
    return fail(
        bad_body(fmt::format("attestation.x509.signingCertificates.{}: '{}' is not a CA certificate (basicConstraints "
                             "CA:TRUE is missing); devices' own certificates belong in an individual enrollment",
                             slot, certificate.subject())));
}

Result<json::object> slots_to_json(const EnrollmentRecord& record) {
    json::object out;
    const auto add = [&](std::string_view slot, const Bytes& der) -> Result<> {
        if (der.empty()) {
            out[slot] = nullptr;
            return {};
        }
        MUSTER_TRY(const auto certificate, pki::Certificate::from_der(der));
        out[slot] = {{"info", certificate_info(certificate)}};
        return {};
    };
    MUSTER_CHECK(add("primary", record.primary_certificate));
    MUSTER_CHECK(add("secondary", record.secondary_certificate));
    return out;
}

Result<json::object> read_ca_references(const json::object& references) {
    json::object out;
    for (const std::string_view slot : {"primary", "secondary"}) {
        MUSTER_TRY(const auto name, optional_string(references, slot));
        out[slot] = name && !name->empty() ? json::value(*name) : json::value(nullptr);
    }
    if (out["primary"].is_null() && out["secondary"].is_null())
        return fail(bad_body("attestation.x509.caReferences needs a \"primary\" or \"secondary\" CA certificate name"));
    return out;
}

// The one of the three forms of x509 that is there; the others may be null.
Result<std::string_view> x509_form(EnrollmentKind kind, const json::object& x509) {
    std::string_view form;
    for (const std::string_view name : {"clientCertificates", "signingCertificates", "caReferences"}) {
        if (find_member(x509, name) == nullptr) continue;
        if (!form.empty())
            return fail(bad_body(fmt::format("attestation.x509 has both \"{}\" and \"{}\"; give one", form, name)));
        form = name;
    }
    if (form.empty()) return fail(bad_body("attestation.x509 has no certificates"));
    const bool client = form == "clientCertificates";
    if (client != (kind == EnrollmentKind::individual))
        return fail(bad_body(
            fmt::format("attestation.x509.{} does not fit {}: {}", form,
                        kind == EnrollmentKind::individual ? "an individual enrollment" : "an enrollment group",
                        kind == EnrollmentKind::individual ? "give \"clientCertificates\""
                                                           : "give \"signingCertificates\" or \"caReferences\"")));
    return form;
}

Result<json::object> x509_from_json(EnrollmentKind kind, const json::object& x509, const EnrollmentRecord* existing,
                                    EnrollmentRecord& record) {
    MUSTER_TRY(const auto form, x509_form(kind, x509));
    MUSTER_TRY(const auto* given, optional_object(x509, form));
    json::object out{{"clientCertificates", nullptr}, {"signingCertificates", nullptr}, {"caReferences", nullptr}};
    if (form == "caReferences") {
        MUSTER_TRY(out[form], read_ca_references(*given));
        return out;
    }
    const auto path = fmt::format("attestation.x509.{}", form);
    MUSTER_TRY(record.primary_certificate, read_certificate(*given, "primary", path, existing));
    MUSTER_TRY(record.secondary_certificate, read_certificate(*given, "secondary", path, existing));
    if (record.primary_certificate.empty() && record.secondary_certificate.empty())
        return fail(bad_body(fmt::format("{} needs a \"primary\" or a \"secondary\" certificate", path)));
    if (kind == EnrollmentKind::group) {
        MUSTER_CHECK(check_signing_certificate(record.primary_certificate, "primary"));
        MUSTER_CHECK(check_signing_certificate(record.secondary_certificate, "secondary"));
    }
    MUSTER_TRY(out[form], slots_to_json(record));
    return out;
}

Result<std::string> read_key(const json::object& keys, std::string_view member, const std::string* existing,
                             Random& random) {
    MUSTER_TRY(auto text, optional_string(keys, member));
    if (!text || text->empty()) {
        if (existing != nullptr && !existing->empty()) return *existing;
        return base64_encode(random.bytes(generated_key_bytes));
    }
    const auto key = base64_decode(*text);
    if (!key || key->size() < 16 || key->size() > 64)
        return fail(bad_body(fmt::format("attestation.symmetricKey.{} must be base64 of 16 to 64 bytes", member)));
    return std::move(*text);
}

Result<> symmetric_key_from_json(const json::object* keys, const EnrollmentRecord* existing, EnrollmentRecord& record,
                                 Random& random) {
    const json::object none;
    const auto& given = keys != nullptr ? *keys : none;
    MUSTER_TRY(record.primary_key,
               read_key(given, "primaryKey", existing != nullptr ? &existing->primary_key : nullptr, random));
    MUSTER_TRY(record.secondary_key,
               read_key(given, "secondaryKey", existing != nullptr ? &existing->secondary_key : nullptr, random));
    return {};
}

// The endorsement key that an enrollment holds; empty when it attests otherwise.
std::string endorsement_key_of(const EnrollmentRecord& record) {
    const auto body = parse_json(record.body);
    if (!body) return {};
    boost::system::error_code missing;
    const auto* key = body->find_pointer("/attestation/tpm/endorsementKey", missing);
    return missing || key == nullptr || !key->is_string() ? std::string() : std::string(key->get_string());
}

Result<> check_tpm_key(std::string_view name, const std::string& text) {
    const auto key = wire::tpm::StorageKey::from_base64(text);
    if (key) return {};
    return fail(
        bad_body(fmt::format("attestation.tpm.{} is not the public area of such a key (base64 of a TPM2B_PUBLIC, "
                             "as tpm2_readpublic -o writes it): {}",
                             name, key.error().message())));
}

// The device's keys for the hub are made here and never shown: its TPM alone is given them. Another TPM gets others.
void make_hub_keys(const EnrollmentRecord* existing, const std::string& endorsement_key, EnrollmentRecord& record,
                   Random& random) {
    const bool same =
        existing != nullptr && !existing->primary_key.empty() && endorsement_key_of(*existing) == endorsement_key;
    record.primary_key = same ? existing->primary_key : base64_encode(random.bytes(tpm_key_bytes));
    record.secondary_key = same ? existing->secondary_key : base64_encode(random.bytes(tpm_key_bytes));
}

Result<json::object> tpm_from_json(EnrollmentKind kind, const json::object* tpm, const EnrollmentRecord* existing,
                                   EnrollmentRecord& record, Random& random) {
    if (kind == EnrollmentKind::group) return fail(bad_body("an enrollment group cannot attest by TPM"));
    if (tpm == nullptr) return fail(bad_body("attestation of type tpm needs \"tpm\" with an \"endorsementKey\""));
    MUSTER_TRY(const auto endorsement_key, required_string(*tpm, "endorsementKey"));
    MUSTER_TRY(const auto storage_root_key, optional_string(*tpm, "storageRootKey"));
    MUSTER_CHECK(check_tpm_key("endorsementKey", endorsement_key));
    make_hub_keys(existing, endorsement_key, record, random);
    json::object out{{"endorsementKey", endorsement_key}};
    // Carried only: an owner may clear the TPM, and it has another from then on (facts/dps.md 1.7).
    if (storage_root_key && !storage_root_key->empty()) {
        MUSTER_CHECK(check_tpm_key("storageRootKey", *storage_root_key));
        out["storageRootKey"] = *storage_root_key;
    }
    return out;
}

}  // namespace

Result<json::object> attestation_from_json(EnrollmentKind kind, const json::object& attestation,
                                           const EnrollmentRecord* existing, EnrollmentRecord& record, Random& random) {
    MUSTER_TRY(const auto type, required_string(attestation, "type"));
    if (type == "x509") {
        MUSTER_TRY(const auto* x509, optional_object(attestation, "x509"));
        if (x509 == nullptr) return fail(bad_body("attestation of type x509 needs \"x509\""));
        MUSTER_TRY(auto kept, x509_from_json(kind, *x509, existing, record));
        return json::object{{"type", type}, {"x509", std::move(kept)}};
    }
    if (type == "symmetricKey") {
        MUSTER_TRY(const auto* keys, optional_object(attestation, "symmetricKey"));
        MUSTER_CHECK(symmetric_key_from_json(keys, existing, record, random));
        return json::object{{"type", type}, {"symmetricKey", json::object()}};
    }
    if (type == "tpm") {
        MUSTER_TRY(const auto* tpm, optional_object(attestation, "tpm"));
        MUSTER_TRY(auto kept, tpm_from_json(kind, tpm, existing, record, random));
        return json::object{{"type", type}, {"tpm", std::move(kept)}};
    }
    return fail(bad_body(fmt::format("attestation.type must be x509, symmetricKey or tpm, not '{}'", printable(type))));
}

json::object certificate_info(const pki::Certificate& certificate) {
    return {{"subjectName", certificate.subject()},
            {"sha1Thumbprint", certificate.sha1_thumbprint()},
            {"sha256Thumbprint", certificate.sha256_thumbprint()},
            {"issuerName", certificate.issuer()},
            {"notBeforeUtc", format_utc(certificate.not_before())},
            {"notAfterUtc", format_utc(certificate.not_after())},
            {"serialNumber", certificate.serial_hex()},
            {"version", certificate.version()}};
}

}  // namespace muster::provisioning
