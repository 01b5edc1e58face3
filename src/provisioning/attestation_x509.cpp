#include <openssl/x509v3.h>

#include <algorithm>

#include "authority/authority.h"
#include "base/text.h"
#include "provisioning/attestation.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {
namespace {

std::string describe_leaf_fault(const pki::Certificate& leaf, TimePoint now) {
    const auto name = printable(leaf.subject());
    if (now < leaf.not_before())
        return fmt::format("the certificate '{}' is not valid before {}", name, format_utc_seconds(leaf.not_before()));
    if (now > leaf.not_after())
        return fmt::format("the certificate '{}' expired at {}", name, format_utc_seconds(leaf.not_after()));
    // Extended key usage, key usage and type, as OpenSSL judges a TLS client.
    if (X509_check_purpose(leaf.get(), X509_PURPOSE_SSL_CLIENT, 0) != 1)
        return fmt::format(
            "the certificate '{}' may not authenticate a client: its key usage or extended key usage "
            "does not allow it (clientAuth)",
            name);
    return {};
}

void note_path_fault(const pki::PathResult& result, const GroupIndex& groups, Verdict& verdict) {
    verdict.group_fault = result.explanation;
    // Another CA of the same name may be trusted: test certificates of Azure's tools all have one.
    const bool ends_here = result.fault == pki::PathFault::no_issuer || result.fault == pki::PathFault::bad_signature;
    if (ends_here && !result.path.empty()) {
        if (const auto* ca = groups.unverified_issuer_of(result.path.back()); ca != nullptr) {
            verdict.group_fault += fmt::format("; the CA certificate '{}' of group '{}' would fit but is not verified",
                                               ca->ca_name, ca->group.id);
            verdict.mend = fmt::format("muster ca-certificate verification-code {}, then verify", ca->ca_name);
        }
    }
}

bool holds(std::span<const pki::Certificate> certificates, const pki::Certificate& wanted) {
    return std::ranges::any_of(certificates, [&](const auto& each) { return each.der() == wanted.der(); });
}

// Where only verified CA certificates count: why the presented chain does not lead through the group's certificate, at
// which `path` ends, to one of them. The certificates below it are no way around it.
std::optional<std::string> lacks_verified_ca(const pki::CertificateChain& chain, const pki::CertificateChain& path,
                                             const Anchor& anchor, const GroupIndex& groups,
                                             const pki::PathOptions& options) {
    if (!groups.wants_verified_ca_above(path.back())) return std::nullopt;
    const auto below = std::span(path).first(path.size() - 1);
    const auto find = [&](const pki::Certificate& certificate) {
        return holds(below, certificate) ? std::vector<pki::Certificate>() : groups.verified_issuers_of(certificate);
    };
    const auto whole = pki::validate_client_path(chain, find, options);
    if (whole.ok() && holds(whole.path, path.back())) return std::nullopt;
    return fmt::format(
        "the certificate '{}' of group '{}' is not verified, and the chain does not lead through it to a "
        "CA certificate that is{}{}",
        printable(path.back().subject()), anchor.group.id, whole.ok() ? "" : ": ", whole.explanation);
}

}  // namespace

Verdict judge_chain(const pki::CertificateChain& chain, const GroupIndex& groups, pki::VerifiedSignatures& verified,
                    TimePoint now) {
    const auto& leaf = chain.front();
    Verdict verdict{.fingerprint = fingerprint(leaf), .fault = describe_leaf_fault(leaf, now)};
    if (!groups.has_anchors()) {
        verdict.group_fault = "there is no enrollment group that a chain could lead to";
        return verdict;
    }
    const auto find = [&](const pki::Certificate& certificate) { return groups.issuers_of(certificate); };
    const pki::PathOptions options{.now = now, .verified = &verified};
    const auto result = pki::validate_client_path(chain, find, options);
    if (!result.ok()) {
        note_path_fault(result, groups, verdict);
        return verdict;
    }
    const auto& end = result.path.back();
    if (result.path.size() > 1 && groups.is_authority(end)) verdict.issued_here = result.path[result.path.size() - 2];
    verdict.path = result.path;
    for (auto& above : groups.above_authority(end)) verdict.path.push_back(std::move(above));
    const auto* anchor = groups.by_certificate(end);
    if (anchor == nullptr) {
        verdict.group_fault = fmt::format("its issuer '{}' belongs to no enrollment group", printable(end.subject()));
        return verdict;
    }
    if (auto unproven = lacks_verified_ca(chain, result.path, *anchor, groups, options)) {
        verdict.group_fault = std::move(*unproven);
        verdict.mend = "verify the group's certificate, or let the device present its chain up to one that is";
        return verdict;
    }
    if (auto revoked = groups.revocation(verdict.path, anchor->group.id, now)) {
        verdict.group_fault = std::move(*revoked);
        verdict.mend = "give the device another certificate";
        return verdict;
    }
    verdict.group = GroupMatch{anchor->group, {}, {}};
    return verdict;
}

Result<Verdict> look_up_issued(store::Tx& tx, Verdict verdict, const GroupIndex& groups, TimePoint now) {
    const auto issued = fingerprint(*verdict.issued_here);
    MUSTER_TRY(const auto record, tx.issued_certificates().find(verdict.issued_here->serial_hex()));
    if (!record || record->fingerprint != issued) return verdict;
    verdict.group.reset();
    if (record->revoked) {
        verdict.fault =
            fmt::format("the certificate '{}' (serial {}) was revoked at {} ({})", printable(record->subject),
                        record->serial, format_utc_seconds(*record->revoked), record->reason);
        return verdict;
    }
    if (record->group_id.empty()) {
        verdict.group_fault = "the certificate was issued to an individual enrollment, which decides by its own";
        return verdict;
    }
    MUSTER_TRY(const auto group, tx.enrollment_groups().find(record->group_id));
    if (auto listed = groups.revocation(verdict.path, record->group_id, now)) {
        verdict.fault = std::move(*listed);
        return verdict;
    }
    const bool is_leaf = issued == verdict.fingerprint;
    if (record->origin == authority::edge_ca_origin || !is_leaf) {
        // Such a CA signs whatever name its device wants.
        if (is_leaf && group && verdict.usable()) verdict.edge_ca = {record->registration_id, GroupVersion(*group)};
        verdict.fault =
            fmt::format("it {} the edge CA '{}' of '{}', which stands for no device and vouches for none",
                        is_leaf ? "is" : "was issued by", printable(record->subject), record->registration_id);
        return verdict;
    }
    if (group)
        verdict.group = GroupMatch{GroupVersion(*group), {}, {}};
    else
        verdict.group_fault =
            fmt::format("the enrollment group '{}' that it was issued under is gone", record->group_id);
    return verdict;
}

Result<> check_common_name(const pki::Certificate& leaf, std::string_view registration_id) {
    if (equals_ignore_case(leaf.common_name(), registration_id)) return {};
    return fail(unauthorized(fmt::format("the certificate's common name '{}' is not the registration id '{}'",
                                         printable(leaf.common_name()), registration_id))
                    .with_hint("set registration_id to the common name, or use the certificate of this device"));
}

}  // namespace muster::provisioning
