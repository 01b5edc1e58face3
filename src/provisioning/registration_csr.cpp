#include "provisioning/registration_csr.h"

#include "base/text.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

constexpr std::string_view first_version = "2025-07-01";

}  // namespace

bool knows_certificate_requests(std::string_view api_version) {
    // Dates of this form are ordered as their text is.
    return api_version.substr(0, first_version.size()) >= first_version;
}

Result<std::optional<authority::CertificateRequest>> certificate_request_of(const DeviceRequest& request,
                                                                            const json::object& body) {
    if (find_member(body, "clientCertificateCsr") != nullptr)
        return fail(bad_body("\"clientCertificateCsr\" was withdrawn from the API")
                        .with_hint("send \"csr\" with api-version=2025-07-01-preview"));
    MUSTER_TRY(const auto text, optional_string(body, "csr"));
    if (!text) return std::nullopt;
    if (!knows_certificate_requests(request.api_version))
        return fail(bad_body(fmt::format("\"csr\" is not known in api-version {}", printable(request.api_version)))
                        .with_hint("use api-version=2025-07-01-preview"));
    auto csr = authority::read_certificate_request(*text);
    if (!csr) return fail(csr.error().wrap(Errc::invalid_argument, "\"csr\"").with_number(code::invalid_body));
    if (!equals_ignore_case(csr->common_name, request.registration_id))
        return fail(bad_body(fmt::format("the common name of \"csr\" is '{}', the registration id is '{}'",
                                         printable(csr->common_name), request.registration_id)));
    return std::move(*csr);
}

Result<> check_issuing_policy(const store::EnrollmentRecord& enrollment) {
    MUSTER_TRY(const auto body, parse_json_object(enrollment.body));
    auto name = string_or(body, "credentialPolicyName");
    MUSTER_TRY(const auto* policy, optional_object(body, "clientCertificateIssuancePolicy"));
    if (name.empty() && policy != nullptr) name = string_or(*policy, "certificateAuthorityName");
    if (equals_ignore_case(name, authority::policy_name)) return {};
    if (name.empty())
        return fail(bad_body(fmt::format("the enrollment '{}' issues no certificates", enrollment.id))
                        .with_hint(fmt::format("set \"credentialPolicyName\": \"{}\" in it, or leave \"csr\" out",
                                               authority::policy_name)));
    return fail(bad_body(fmt::format("the enrollment '{}' names the credential policy '{}', which is not known here",
                                     enrollment.id, printable(name)))
                    .with_hint(fmt::format("the only one is \"{}\"", authority::policy_name)));
}

Result<json::array> issued_chain(store::Tx& tx, const store::RegistrationRecord& record) {
    json::array chain;
    if (record.issued_serial.empty()) return chain;
    MUSTER_TRY(const auto issued, tx.issued_certificates().find(record.issued_serial));
    if (!issued) return chain;
    chain.emplace_back(base64_encode(issued->certificate));
    MUSTER_TRY(const auto authorities, tx.issuing_authorities().list());
    for (const auto& authority : authorities) {
        if (authority.fingerprint != issued->authority) continue;
        MUSTER_TRY(const auto issuers, pki::parse_chain(authority.chain));
        for (const auto& issuer : issuers) chain.emplace_back(base64_encode(issuer.der()));
    }
    return chain;
}

}  // namespace muster::provisioning
