// The certificates that enrollment groups stand for, in memory: what a device's chain has to lead to.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/task.h"
#include "pki/certificate.h"
#include "store/store.h"

namespace muster::provisioning {

struct Anchor {
    pki::Certificate certificate;
    std::string group_id;
    std::string group_etag;  // of the group as it was read; a registration checks that it still is
    std::string ca_name;     // when the group refers to an uploaded CA certificate
    bool verified = true;    // an unverified CA certificate ends no path, but explains a refusal
};

// One state of all groups; immutable.
class AnchorIndex {
public:
    explicit AnchorIndex(std::vector<Anchor> anchors);

    // Usable anchors whose subject is the issuer of `certificate`.
    std::vector<pki::Certificate> issuers_of(const pki::Certificate& certificate) const;
    const Anchor* by_certificate(const pki::Certificate& certificate) const;
    // An unverified CA certificate that would have issued `certificate`.
    const Anchor* unverified_issuer_of(const pki::Certificate& certificate) const;
    bool empty() const { return anchors_.empty(); }

private:
    std::vector<Anchor> anchors_;
    std::unordered_map<std::string, std::vector<std::size_t>> by_subject_;  // subject as DER
    std::unordered_map<std::string, std::size_t> by_fingerprint_;
};

// Holds the newest index and reads it anew after a change.
class Anchors {
public:
    explicit Anchors(store::Store& store) : store_(store) {}

    std::shared_ptr<const AnchorIndex> current() const;
    // After a change of groups or CA certificates, before it is answered.
    Task<Result<>> refresh();
    // Blocking, for start-up.
    Result<> load();

private:
    void set(std::uint64_t generation, std::vector<Anchor> anchors);

    store::Store& store_;
    std::atomic<std::uint64_t> generation_{0};
    mutable std::mutex mutex_;
    std::uint64_t shown_ = 0;
    std::shared_ptr<const AnchorIndex> index_ = std::make_shared<const AnchorIndex>(std::vector<Anchor>());
};

}  // namespace muster::provisioning
