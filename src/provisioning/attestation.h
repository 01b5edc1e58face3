// Attestation: which enrollment a device's credential stands for, and what is wrong when it stands for none.
//
// Two steps. What the credential says by itself and which group it leads to is judged first, on the reactor, against
// the groups in memory: that is where the cryptography is. Whether an individual enrollment knows it is asked inside
// the registration's transaction.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "pki/path.h"
#include "provisioning/enrollment.h"
#include "provisioning/groups.h"
#include "wire/sas.h"

namespace muster::provisioning {

// What a device's request carries, from whichever protocol.
struct DeviceRequest {
    std::string scope;
    std::string registration_id;
    pki::CertificateChain chain;  // as presented in TLS; possession of the leaf's key proven
    std::string authorization;    // a shared access signature; empty without one, and looked at first when there
    std::string tracking_id;      // ties log, error and record together
    std::string peer;
    std::string api_version;  // as the device gave it
    bool in_session =
        false;  // of MQTT or AMQP, which was opened before: it goes before new ones when there is much to do
    // Whether the group it leads to takes another registration now; asked before anything is written. May be empty.
    std::function<Result<>(const std::string& group_id)> admit_group = {};
};

// The group that a credential leads to, and the keys the hub is to know the device by (symmetric keys only).
struct GroupMatch {
    GroupVersion group;
    std::string primary_key;  // base64
    std::string secondary_key;
};

struct Verdict {
    std::string fingerprint;              // of the leaf, SHA-256, upper-case hex; empty for a symmetric key
    std::optional<wire::SasToken> token;  // of a symmetric key, or of one in a TPM
    std::chrono::seconds patience{0};     // how long the token is taken after its expiry
    std::string fault;                    // why the credential may not be used at all; empty when it may
    std::optional<GroupMatch> group;
    std::string group_fault;     // why it leads to no group
    std::string mend;            // of that; empty: the chain, or that nobody enrolled it
    pki::CertificateChain path;  // of a chain that is sound: from the leaf to the CA that it ends at; where that is an
                                 // issuing CA of the service, up to its root
    // What the service's own authority issued: the leaf, or the CA above it. What is recorded of it decides, before
    // `group` does.
    std::optional<pki::Certificate> issued_here;
    // The leaf is an edge CA that was issued here. It lets nobody in, and is good for its own renewal alone.
    struct EdgeCa {
        std::string registration_id;  // of its device
        GroupVersion group;
    };
    std::optional<EdgeCa> edge_ca;

    bool usable() const { return fault.empty(); }
    // What an operation id is bound to.
    std::string binding() const { return token ? "symmetricKey" : fingerprint; }
};

// X.509 (facts/dps.md 1.8). `chain` is not empty.
Verdict judge_chain(const pki::CertificateChain& chain, const GroupIndex& groups, pki::VerifiedSignatures& verified,
                    TimePoint now);

// A verdict with a certificate that the service's authority issued, completed by what is recorded of that certificate:
// the group that it was issued under, that it was revoked, or that it is an edge CA, which lets nobody in. Without a
// record, the verdict stays as it is: another has used the CA's key. The revocation lists of its group hold for it and
// for the service's issuing CA as for any other.
Result<Verdict> look_up_issued(store::Tx& tx, Verdict verdict, const GroupIndex& groups, TimePoint now);

// Symmetric keys (facts/dps.md 1.6): the token must be for {scope}/registrations/{registration id}; group devices hold
// HMAC-SHA256(group key, registration id). `patience` is how long a token is taken after its expiry: a status query
// may repeat the token of its registration.
Verdict judge_token(const DeviceRequest& request, const GroupIndex& groups, TimePoint now,
                    std::chrono::seconds patience);

// Whether the credential is the one an individual enrollment holds.
bool proves(const Verdict& verdict, const DeviceRequest& request, const store::EnrollmentRecord& enrollment,
            const EnrollmentRules& rules);

// Leaf CN against registration id, without case. The error says both.
Result<> check_common_name(const pki::Certificate& leaf, std::string_view registration_id);

// base64(HMAC-SHA256(group key, registration id)): the key of a group's device.
std::string derive_device_key(ByteView group_key, std::string_view registration_id);

}  // namespace muster::provisioning
