#include "provisioning/attestation.h"

namespace muster::provisioning {
namespace {

bool holds_leaf(const store::EnrollmentRecord& enrollment, const pki::Certificate& leaf) {
    return enrollment.primary_certificate == leaf.der() || enrollment.secondary_certificate == leaf.der();
}

bool holds_key(const store::EnrollmentRecord& enrollment, const wire::SasToken& token) {
    for (const auto* text : {&enrollment.primary_key, &enrollment.secondary_key}) {
        const auto key = base64_decode(*text);
        if (key && !key->empty() && token.signed_by(*key)) return true;
    }
    return false;
}

}  // namespace

bool proves(const Verdict& verdict, const DeviceRequest& request, const store::EnrollmentRecord& enrollment,
            const EnrollmentRules& rules) {
    if (!verdict.usable()) return false;
    if (verdict.token) return rules.attestation == "symmetricKey" && holds_key(enrollment, *verdict.token);
    return rules.attestation == "x509" && !request.chain.empty() && holds_leaf(enrollment, request.chain.front());
}

}  // namespace muster::provisioning
