// Enrolment for a certificate (EST, RFC 7030): whom the service's authority issues to, and under which group.
//
// A device shows one of these, and its request must have the name that is proven by it:
// * a certificate that chains to the group's signing certificate (bootstrap), of the same common name; where the
//   authority's policy has shared_bootstrap, of any name, for a name that is still free;
// * a certificate that the authority issued under the group and has not revoked (renewal, and whatever follows it);
// * its one-time password.
// The same credentials bring an edge CA (CA:TRUE, path length 0) where the group allows it: under a name of its own,
// for the device that the credential proves. It is followed by the next one by itself, too.
#pragma once

#include <functional>
#include <string>

#include "authority/authority.h"
#include "authority/passwords.h"
#include "provisioning/attestation.h"
#include "provisioning/groups.h"

namespace muster::provisioning {

struct EnrolmentRequest {
    std::string group_id;  // empty: the one that the credential leads to
    std::string csr;       // base64 of PKCS#10, or PEM
    bool renews = false;   // simplereenroll: the subject must be the presented certificate's
    pki::CertificateChain chain;
    std::string user;  // HTTP Basic; empty without
    Secret password;
    std::string tracking_id;
    std::string peer;
    // Whether the group takes another device now; asked before anything is signed. May be empty.
    std::function<Result<>(const std::string& group_id)> admit_group = {};
};

class CertificateEnrolment {
public:
    CertificateEnrolment(store::Store& store, Groups& groups, authority::Authority& authority, const Clock& clock)
        : store_(store), groups_(groups), authority_(authority), clock_(clock) {}

    // The certificate, its record durable. A one-time password is spent with it (of edge CAs it serves one besides),
    // and so is a name that a shared
    // bootstrap certificate claims; asked again with the same key, it is the same certificate that is answered: an
    // answer that got lost costs no device.
    // Errors: Errc::unauthorized when nothing is proven, forbidden when it does not suffice, invalid_argument for the
    // request, unsupported while the authority is off, throttled for too many certificates of one device; and what
    // `admit_group` says.
    Task<Result<pki::Certificate>> enrol(EnrolmentRequest request);

private:
    struct Admission;

    Task<Result<std::optional<pki::Certificate>>> attempt(EnrolmentRequest& request,
                                                          const authority::CertificateRequest& csr);
    // Whether a refusal was judged by groups that another musterd has changed since: judge again.
    Task<Result<bool>> is_outdated(const Error& refusal, std::int64_t groups_version);
    Result<Admission> admit(store::Tx& tx, const EnrolmentRequest& request, const authority::CertificateRequest& csr,
                            const Verdict& verdict) const;
    Result<Admission> admit_by_certificate(store::Tx& tx, const EnrolmentRequest& request,
                                           const authority::CertificateRequest& csr, const Verdict& judged) const;
    Result<Admission> admit_by_password(store::Tx& tx, const EnrolmentRequest& request,
                                        const authority::CertificateRequest& csr) const;
    // Nothing when the names fit, or the certificate that was issued for that name and key before.
    Result<std::optional<pki::Certificate>> check_name(store::Tx& tx, const pki::Certificate& leaf,
                                                       const Verdict& verdict,
                                                       const authority::CertificateRequest& csr) const;

    store::Store& store_;
    Groups& groups_;
    authority::Authority& authority_;
    const Clock& clock_;
    pki::VerifiedSignatures verified_;
};

}  // namespace muster::provisioning
