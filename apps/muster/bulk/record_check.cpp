#include "muster/bulk/record_check.h"

#include "base/bytes.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/output.h"
#include "pki/certificate.h"

namespace muster::cli {
namespace {

// Of the service (facts: DPS 2.3).
constexpr std::size_t shortest_key = 16;
constexpr std::size_t longest_key = 64;

std::string certificate_fault(const json::object& enrollment, bool group, std::string_view slot) {
    const auto path =
        fmt::format("attestation.x509.{}.{}.certificate", group ? "signingCertificates" : "clientCertificates", slot);
    const auto text = text_at(enrollment, path);
    if (text.empty()) return {};
    const auto certificate = pki::Certificate::from_any(text);
    if (!certificate) return fmt::format("{}: {}", path, certificate.error().chain());
    if (group && !certificate->is_ca())
        return fmt::format("{}: {} is not a CA certificate", path, printable(certificate->subject()));
    return {};
}

std::string key_fault(const json::object& enrollment, std::string_view name) {
    const auto path = fmt::format("attestation.symmetricKey.{}", name);
    const auto text = text_at(enrollment, path);
    if (text.empty()) return {};
    const auto key = base64_decode(text);
    if (key && key->size() >= shortest_key && key->size() <= longest_key) return {};
    return fmt::format("{} is not base64 of {} to {} bytes", path, shortest_key, longest_key);
}

std::string attestation_fault(const BulkRecord& record) {
    const auto type = text_at(record.enrollment, "attestation.type");
    if (type.empty()) return "there is no attestation";
    if (type == "x509" || type == "symmetricKey" || (type == "tpm" && !record.group)) return {};
    return fmt::format("attestation.type must be x509, symmetricKey{}, not '{}'", record.group ? "" : " or tpm",
                       printable(type));
}

}  // namespace

std::string fault_of(const BulkRecord& record) {
    if (!record.fault.empty()) return record.fault;
    const auto& enrollment = record.enrollment;
    for (const auto& fault : {registration_id_fault(record.id), attestation_fault(record),
                              certificate_fault(enrollment, record.group, "primary"),
                              certificate_fault(enrollment, record.group, "secondary"),
                              key_fault(enrollment, "primaryKey"), key_fault(enrollment, "secondaryKey")})
        if (!fault.empty()) return fault;
    return {};
}

}  // namespace muster::cli
