// Which revocation lists a group takes: those of its CAs and of CAs below them, never one older than it has.
#pragma once

#include "pki/crl.h"
#include "store/tx.h"

namespace muster::provisioning {

// The same CA: the same certificate, or one with its name and key that was issued anew.
bool is_same_issuer(const pki::Certificate& a, const pki::Certificate& b);
// A short text that the same CAs have in common, by that measure.
std::string issuer_mark(const pki::Certificate& issuer);

// 400004 for a list that begins in the future.
Result<> check_list_begins(const pki::RevocationList& list, TimePoint now);
bool has_ended(const pki::RevocationList& list, TimePoint now);

struct ListIssuer {
    pki::Certificate certificate;
    std::string anchors;  // a mark of the CAs that the group had then
};

// The certificate whose key signed the list, and which is the group's to trust: a CA of the group, or the first of
// `issuers` when these lead up to one. 400004 says why there is none. Its signature is verified, and a list may be
// large: for a reader, before the transaction that stores it.
Result<ListIssuer> find_list_issuer(store::Tx& tx, const store::EnrollmentRecord& group,
                                    const pki::RevocationList& list, const pki::CertificateChain& issuers,
                                    TimePoint now);
// In that transaction: that the group's CAs are still those. Errc::unavailable when they are others.
Result<> check_list_issuer(store::Tx& tx, const store::EnrollmentRecord& group, const ListIssuer& issuer);

// How GroupCrlRecord::list_hash is made.
std::string list_hash(const pki::RevocationList& list);
// The list with its hash and its beginning, in the record.
void put_list(store::GroupCrlRecord& record, const pki::RevocationList& list);

// Makes room for the record's list: an older one of that CA goes. 409 when the group has a newer one, 400004 when it
// has too many.
Result<> make_room_for_list(store::Tx& tx, const store::GroupCrlRecord& record, const pki::RevocationList& list);

}  // namespace muster::provisioning
