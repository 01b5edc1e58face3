#include "pki/path_rules.h"

#include <openssl/obj_mac.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "pki/key_strength.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

struct Subject {
    const CertificateChain& path;
    std::size_t at;

    const Certificate& certificate() const { return path[at]; }
    X509* x509() const { return path[at].get(); }
    bool is_leaf() const { return at == 0; }
    bool is_anchor() const { return at + 1 == path.size(); }
    std::string name() const { return describe(path, at, true); }
};

template <class... Args>
Fault fault(PathFault kind, const Subject& subject, fmt::format_string<Args...> format, Args&&... args) {
    return {kind, subject.at, subject.name() + " " + fmt::format(format, std::forward<Args>(args)...)};
}

// Extensions whose meaning is honoured here. Certificate policies are taken as the user's any-policy (RFC 5280 6.1.1
// c); the three extensions that would make policies binding (policyConstraints, policyMappings, inhibitAnyPolicy) are
// not in the list, so a critical one is refused rather than ignored.
bool is_understood(int nid) {
    constexpr std::array kUnderstood = {NID_basic_constraints, NID_key_usage,        NID_ext_key_usage,
                                        NID_subject_alt_name,  NID_name_constraints, NID_certificate_policies};
    return std::ranges::find(kUnderstood, nid) != kUnderstood.end();
}

std::string oid_text(const ASN1_OBJECT* object) {
    std::array<char, 80> text{};
    OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 1);
    return text.data();
}

std::optional<Fault> check_form(const Subject& subject) {
    const std::uint32_t flags = X509_get_extension_flags(subject.x509());
    if ((flags & EXFLAG_INVALID) != 0) {
        return fault(PathFault::malformed, subject, "has an extension that cannot be read or stands twice");
    }
    if (subject.certificate().not_after() == TimePoint::min()) {
        return fault(PathFault::malformed, subject, "has validity dates that cannot be read");
    }
    const int count = X509_get_ext_count(subject.x509());
    for (int i = 0; i < count; ++i) {
        X509_EXTENSION* extension = X509_get_ext(subject.x509(), i);
        const ASN1_OBJECT* kind = X509_EXTENSION_get_object(extension);
        if (X509_EXTENSION_get_critical(extension) == 0 || is_understood(OBJ_obj2nid(kind))) continue;
        return fault(PathFault::unknown_critical_extension, subject,
                     "has the critical extension {}, which is not understood here", oid_text(kind));
    }
    return std::nullopt;
}

std::optional<Fault> check_dates(const Subject& subject, TimePoint now) {
    const TimePoint from = subject.certificate().not_before();
    const TimePoint until = subject.certificate().not_after();
    if (now < from) {
        return fault(PathFault::not_yet_valid, subject, "is not valid before {} (it is {} now)",
                     format_utc_seconds(from), format_utc_seconds(now));
    }
    if (now >= until + std::chrono::seconds(1)) {
        return fault(PathFault::expired, subject, "expired on {}", format_utc_seconds(until));
    }
    return std::nullopt;
}

bool is_strong_digest(int nid) {
    return nid == NID_sha256 || nid == NID_sha384 || nid == NID_sha512;
}

std::optional<Fault> check_strength(const Subject& subject) {
    if (const auto weakness = key_weakness(subject.certificate())) {
        return fault(PathFault::weak_key, subject, "{}", *weakness);
    }
    if (subject.is_anchor()) return std::nullopt;  // its signature is not relied on
    int digest = NID_undef;
    if (X509_get_signature_info(subject.x509(), &digest, nullptr, nullptr, nullptr) != 1 || !is_strong_digest(digest)) {
        const char* name = digest == NID_undef ? "an unknown digest" : OBJ_nid2sn(digest);
        return fault(PathFault::weak_signature, subject, "is signed with {}; SHA-256 or stronger is needed", name);
    }
    return std::nullopt;
}

std::optional<Fault> check_extended_key_usage(const Subject& subject, Purpose purpose) {
    const std::uint32_t flags = X509_get_extension_flags(subject.x509());
    if ((flags & EXFLAG_XKUSAGE) == 0) return std::nullopt;
    const bool client = purpose == Purpose::tls_client;
    const std::uint32_t wanted = (client ? XKU_SSL_CLIENT : XKU_SSL_SERVER) | XKU_ANYEKU;
    if ((X509_get_extended_key_usage(subject.x509()) & wanted) != 0) return std::nullopt;
    return fault(PathFault::wrong_extended_key_usage, subject, "is not for TLS {}: its extendedKeyUsage lacks {}",
                 client ? "clients" : "servers", client ? "clientAuth" : "serverAuth");
}

std::optional<Fault> check_leaf_usage(const Subject& subject) {
    if (!subject.is_leaf()) return std::nullopt;
    const std::uint32_t usage = X509_get_key_usage(subject.x509());  // all bits when there is no such extension
    if ((usage & KU_DIGITAL_SIGNATURE) != 0) return std::nullopt;
    return fault(PathFault::wrong_key_usage, subject,
                 "cannot prove possession in TLS: its keyUsage lacks digitalSignature");
}

// Certificates below that count for pathLenConstraint: those not self-issued, the leaf left out (RFC 5280 4.2.1.9).
std::size_t intermediates_below(const Subject& subject) {
    std::size_t count = 0;
    for (std::size_t i = 1; i < subject.at; ++i) count += subject.path[i].is_self_issued() ? 0 : 1;
    return count;
}

// A version 1 certificate has no extensions; it may issue only where somebody chose to trust it by name.
bool may_issue(const Subject& subject) {
    if (!subject.certificate().is_ca()) return false;
    return subject.is_anchor() || (X509_get_extension_flags(subject.x509()) & EXFLAG_BCONS) != 0;
}

std::optional<Fault> check_issuer_role(const Subject& subject) {
    if (subject.is_leaf()) return std::nullopt;
    if (!may_issue(subject)) {
        return fault(PathFault::not_a_ca, subject,
                     "is not an authority (basicConstraints CA:TRUE is missing), yet issued {}",
                     describe(subject.path, subject.at - 1, false));
    }
    if ((X509_get_key_usage(subject.x509()) & KU_KEY_CERT_SIGN) == 0) {
        return fault(PathFault::key_cert_sign_missing, subject,
                     "may not sign certificates: its keyUsage lacks keyCertSign");
    }
    const auto limit = subject.certificate().path_length();
    const std::size_t below = intermediates_below(subject);
    if (limit && below > static_cast<std::size_t>(*limit)) {
        return fault(PathFault::path_length_exceeded, subject,
                     "allows {} intermediates below it (pathlen), and there {} {}", *limit, below == 1 ? "is" : "are",
                     below);
    }
    return std::nullopt;
}

std::optional<Fault> check_certificate(const Subject& subject, TimePoint now, Purpose purpose) {
    if (auto found = check_form(subject)) return found;
    if (auto found = check_dates(subject, now)) return found;
    if (auto found = check_strength(subject)) return found;
    if (auto found = check_issuer_role(subject)) return found;
    if (purpose == Purpose::any) return std::nullopt;
    if (auto found = check_leaf_usage(subject)) return found;
    return check_extended_key_usage(subject, purpose);
}

bool has_dns_name(X509* x509) {
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x509, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        if (sk_GENERAL_NAME_value(names.get(), i)->type == GEN_DNS) return true;
    }
    return false;
}

// The CN of a client is the device's identity, whatever SANs stand beside it: where it looks like a host name, DNS
// constraints bind it. A server's CN counts only where no DNS name stands in its place.
int check_names(NAME_CONSTRAINTS* constraints, X509* x509, bool leaf, Purpose purpose) {
    const int result = NAME_CONSTRAINTS_check(x509, constraints);
    if (result != X509_V_OK || !leaf) return result;
    if (purpose != Purpose::tls_client && has_dns_name(x509)) return result;
    return NAME_CONSTRAINTS_check_CN(x509, constraints);
}

std::optional<Fault> check_name_constraints(const Subject& issuer, Purpose purpose) {
    if (issuer.is_leaf() || X509_get_ext_by_NID(issuer.x509(), NID_name_constraints, -1) < 0) return std::nullopt;
    const std::unique_ptr<NAME_CONSTRAINTS, Freer<NAME_CONSTRAINTS_free>> constraints(
        static_cast<NAME_CONSTRAINTS*>(X509_get_ext_d2i(issuer.x509(), NID_name_constraints, nullptr, nullptr)));
    if (!constraints) return fault(PathFault::malformed, issuer, "has name constraints that cannot be read");
    for (std::size_t i = 0; i < issuer.at; ++i) {
        const Subject below{issuer.path, i};
        if (!below.is_leaf() && below.certificate().is_self_issued()) continue;
        const int result = check_names(constraints.get(), below.x509(), below.is_leaf(), purpose);
        if (result == X509_V_OK) continue;
        return fault(PathFault::name_constraints, below, "breaks the name constraints of {}: {}", issuer.name(),
                     X509_verify_cert_error_string(result));
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> key_weakness(const Certificate& certificate) {
    return key_weakness(X509_get0_pubkey(certificate.get()));
}

std::string printable_subject(const Certificate& certificate) {
    std::string subject = certificate.subject();
    if (subject.empty()) return fmt::format("with serial {}", certificate.serial_hex().substr(0, 40));
    return printable(subject);
}

std::string describe(const CertificateChain& path, std::size_t at, bool last_is_anchor) {
    const std::string subject = printable_subject(path[at]);
    if (at == 0) return "certificate " + subject;
    if (last_is_anchor && at + 1 == path.size()) return "trusted authority " + subject;
    return "intermediate " + subject;
}

std::optional<Fault> first_fault(const CertificateChain& path, TimePoint now, Purpose purpose) {
    for (std::size_t at = 0; at < path.size(); ++at) {
        if (auto found = check_certificate({path, at}, now, purpose)) return found;
    }
    for (std::size_t at = path.size(); at-- > 1;) {
        if (auto found = check_name_constraints({path, at}, purpose)) return found;
    }
    return std::nullopt;
}

}  // namespace muster::pki
