// The enrollment groups in memory: the certificates and keys that devices are judged by.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/lookout.h"
#include "base/one_reading.h"
#include "base/task.h"
#include "pki/certificate.h"
#include "pki/crl.h"
#include "store/store.h"

namespace muster::provisioning {

// A group as it was read; what devices were judged by it holds while the certificates and keys of it do, whatever else
// of the group changes.
struct GroupVersion {
    GroupVersion() = default;
    explicit GroupVersion(const store::EnrollmentRecord& group);
    bool judges_like(const store::EnrollmentRecord& group) const;

    std::string id;
    std::string etag;
    Bytes credentials;  // SHA-256 of the certificates, references and keys
};

// A certificate that a group stands for.
struct Anchor {
    pki::Certificate certificate;
    GroupVersion group;
    std::string ca_name;   // when the group refers to an uploaded CA certificate
    bool verified = true;  // an unverified CA certificate ends no path, but explains a refusal
};

// A group whose devices hold keys derived from its own.
struct KeyGroup {
    GroupVersion group;
    Secret primary_key;  // decoded
    Secret secondary_key;
};

// A revocation list that an operator gave to a group.
struct GroupCrl {
    std::string group_id;
    pki::Certificate issuer;
    pki::RevocationList list;
    bool must_be_current = false;
    std::string hash = {};  // GroupCrlRecord::list_hash
    // When it was last said that it has ended, in microseconds since 1970: once an hour is enough.
    std::shared_ptr<std::atomic<std::int64_t>> told = std::make_shared<std::atomic<std::int64_t>>(0);
};

// How much is asked of the certificates of groups.
struct GroupRules {
    // As Azure has it: a chain must lead, through the group's certificate, to a CA certificate that was uploaded and
    // verified. Otherwise the operator's word for the group's certificate is enough.
    bool verified_ca_only = false;
};

// One state of all groups; immutable.
class GroupIndex {
public:
    struct Content {
        std::vector<Anchor> anchors;
        std::vector<KeyGroup> key_groups;
        // The service's own issuing CAs, each with its chain: they end a path, and what they issued is looked up.
        std::vector<pki::CertificateChain> authorities;
        std::vector<GroupCrl> revocation_lists;
        GroupRules rules;
        std::vector<pki::Certificate> verified_cas;  // read where the rules ask for them
        std::int64_t version = 0;                    // of the groups in the store (store/topic_versions.h)
        std::int64_t restrictions = 0;               // the same of restrictions
    };
    GroupIndex() = default;
    explicit GroupIndex(Content content);

    // Usable anchors whose subject is the issuer of `certificate`, the service's own issuing CAs among them.
    std::vector<pki::Certificate> issuers_of(const pki::Certificate& certificate) const;
    // The group that a path ending at `certificate` leads to. From an issuing CA of the service it goes on upwards.
    const Anchor* by_certificate(const pki::Certificate& certificate) const;
    bool is_authority(const pki::Certificate& certificate) const;
    // What stands above an issuing CA of the service, its root last; nothing above another certificate.
    pki::CertificateChain above_authority(const pki::Certificate& certificate) const;
    // Whether a path that ends at `certificate` has to go on to a verified CA certificate.
    bool wants_verified_ca_above(const pki::Certificate& certificate) const;
    // Verified CA certificates whose subject is the issuer of `certificate`; where the rules ask for them.
    std::vector<pki::Certificate> verified_issuers_of(const pki::Certificate& certificate) const;
    // Why a certificate of the path (leaf first, anchor last) is not to be taken, by the revocation lists of the group;
    // nothing when none of them speaks against it. A list that has ended is used on, unless it must be current.
    std::optional<std::string> revocation(const pki::CertificateChain& path, std::string_view group_id,
                                          TimePoint now) const;
    // The same of one certificate that was taken before, by its serial and its issuer's mark (crl_rules.h).
    bool is_revoked(std::string_view serial, std::string_view issuer, std::string_view group_id) const;
    // The unverified CA certificate that issued `certificate`.
    const Anchor* unverified_issuer_of(const pki::Certificate& certificate) const;
    std::int64_t version() const { return content_.version; }
    std::int64_t restrictions() const { return content_.restrictions; }
    bool has_anchors() const { return !content_.anchors.empty() || !content_.authorities.empty(); }
    const std::vector<KeyGroup>& key_groups() const { return content_.key_groups; }
    const std::vector<GroupCrl>& revocation_lists() const { return content_.revocation_lists; }

private:
    const Anchor* anchor_of(const pki::Certificate& certificate) const;

    Content content_;
    std::unordered_map<std::string, std::vector<std::size_t>> by_subject_;  // subject as DER
    std::unordered_map<std::string, std::size_t> by_fingerprint_;
    std::unordered_map<std::string, std::vector<std::size_t>> authority_by_subject_;
    std::unordered_map<std::string, std::size_t> authority_by_fingerprint_;
    std::unordered_map<std::string, std::vector<std::size_t>> lists_by_group_;  // group id in lower case
};

// Holds the newest index and reads it anew after a change.
class Groups {
public:
    explicit Groups(store::Store& store, GroupRules rules = {});

    std::shared_ptr<const GroupIndex> current() const;
    // After a change of groups or CA certificates, before it is answered. When it fails, the next registration tries
    // again: an index that is behind would answer 401 where the store is at fault.
    Task<Result<>> refresh();
    // Before a device is judged; usually nothing. What another musterd was answered of a restriction
    // (store/topic_versions.h) is in force from then on (base/lookout.h).
    Task<Result<>> refresh_if_stale();
    // After a restriction, before it is answered, instead of `refresh`: no other musterd lets in by what was before. So
    // it takes Lookout::settling where there are others.
    Task<Result<>> refresh_everywhere();
    // For whoever was judged by the groups of that version and is about to be refused: true when there are others by
    // now, which are in force then, so that the judgement is to be made anew. Where no other musterd writes to the
    // store, what is in memory is the newest. It costs one row, and a reading only when somebody changed the groups.
    Task<Result<bool>> changed_since(std::int64_t version);
    // Blocking, for start-up.
    Result<> load();
    // Called after each reading, on the loop that it was done on; it must not block. Before the first request.
    void on_reading(std::function<void()> told) { on_reading_ = std::move(told); }

private:
    Task<Result<>> read();
    Task<Result<>> look();
    void set(std::shared_ptr<const GroupIndex> index);

    store::Store& store_;
    const GroupRules rules_;
    std::function<void()> on_reading_;
    std::atomic<bool> stale_{false};
    mutable std::mutex mutex_;
    std::shared_ptr<const GroupIndex> index_ = std::make_shared<const GroupIndex>();
    OneReading reading_;
    Lookout lookout_;
};

}  // namespace muster::provisioning
