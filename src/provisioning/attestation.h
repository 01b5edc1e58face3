// X.509 attestation: which enrollment a presented chain stands for, and what is wrong when it stands for none
// (facts/dps.md 1.8).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "pki/path.h"
#include "provisioning/anchors.h"
#include "store/records.h"

namespace muster::provisioning {

// What the chain alone says, before any record is read: the expensive part, done on the reactor.
struct ChainVerdict {
    std::string fingerprint;             // of the leaf
    std::string leaf_fault;              // why the leaf may not be used at all; empty when it may
    std::optional<Anchor> group_anchor;  // the group certificate that the path ended at
    std::string path_fault;              // why it ended at none
};

// `chain` is not empty. CN against registration id is the caller's to check.
ChainVerdict judge_chain(const pki::CertificateChain& chain, const AnchorIndex& anchors,
                         pki::VerifiedSignatures& verified, TimePoint now);

// Whether the leaf is one of the two certificates of an individual enrollment.
bool holds_leaf(const store::EnrollmentRecord& enrollment, const pki::Certificate& leaf);

// Leaf CN against registration id, without case. The error says both.
Result<> check_common_name(const pki::Certificate& leaf, std::string_view registration_id);

}  // namespace muster::provisioning
