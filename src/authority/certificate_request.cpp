#include "authority/certificate_request.h"

#include "base/text.h"
#include "pki/csr_view.h"
#include "pki/issue.h"
#include "pki/key_strength.h"

namespace muster::authority {
namespace {

constexpr std::size_t max_text = 16 * 1024;
constexpr std::size_t max_subject = 1024;

Result<pki::Csr> decode(std::string_view text) {
    if (text.contains("-----BEGIN")) return pki::Csr::from_pem(text);
    const auto der = base64_decode(trim(text), true);
    if (!der || der->empty())
        return fail(Errc::invalid_argument, "the certificate request is neither base64 of a PKCS#10 request nor PEM");
    return pki::Csr::from_der(*der);
}

Result<std::string> read_common_name(const pki::Csr& csr) {
    if (const auto count = pki::common_name_count(csr); count != 1)
        return fail(Error(Errc::invalid_argument,
                          fmt::format("the certificate request's subject must have one common name, not {}", count))
                        .with_hint("set CN in the subject to the device's registration id"));
    auto name = csr.common_name();
    MUSTER_CHECK(pki::check_common_name(name));
    return name;
}

Result<> check(const pki::Csr& csr, const pki::PublicKey& key) {
    if (pki::subject_der(csr).size() > max_subject)
        return fail(Errc::invalid_argument, "the certificate request's subject has more than {} bytes", max_subject);
    if (const auto weakness = pki::key_weakness(key.get()))
        return fail(Error(Errc::invalid_argument, fmt::format("the certificate request {}", *weakness))
                        .with_hint("make the request with an EC key on P-256 or an RSA key of 2048 bits or more"));
    if (!csr.signature_ok())
        return fail(Errc::invalid_argument, "the certificate request is not signed with its own key");
    return {};
}

Result<> refuse_authority() {
    return fail(Error(Errc::invalid_argument,
                      "the certificate request asks for a CA certificate (basicConstraints CA:TRUE), and with a "
                      "registration there are device certificates alone")
                    .with_hint("ask for an edge CA over EST (/.well-known/est), or let the device make its own"));
}

}  // namespace

Result<CertificateRequest> read_certificate_request(std::string_view text, Wanted wanted) {
    if (text.size() > max_text)
        return fail(Errc::too_large, "the certificate request has {} bytes; at most {} are read", text.size(),
                    max_text);
    MUSTER_TRY(auto csr, decode(text));
    MUSTER_TRY(auto key, csr.public_key());
    MUSTER_CHECK(check(csr, key));
    const bool for_edge_ca = pki::asks_for_authority(csr);
    if (for_edge_ca && wanted == Wanted::device) MUSTER_CHECK(refuse_authority());
    MUSTER_TRY(auto common_name, read_common_name(csr));
    return CertificateRequest{std::move(csr), std::move(common_name), std::move(key), for_edge_ca};
}

}  // namespace muster::authority
