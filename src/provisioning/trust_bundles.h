// Trust bundles (facts/dps.md 3.8; api-version 2021-11-01-preview): CA certificates under a name. An enrollment names
// one, and its devices get it with their registration: the roots that they are to trust beyond this service.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "provisioning/paging.h"
#include "store/store.h"

namespace muster::provisioning {

class TrustBundles {
public:
    TrustBundles(store::Store& store, const Clock& clock, Random& random)
        : store_(store), clock_(clock), random_(random) {}

    // {"certificates": [{"certificate": PEM or base64}]}, creates or replaces; at most 64 certificates, 32 KB as
    // PEM and 56 KB as the answer below, and 1,000 bundles.
    // The answer, as all others: {certificates: [{certificate, metadata}], id, createdDateTime, lastModifiedDateTime,
    // etag}. Every change is in the journal with its origin.
    Task<Result<json::object>> put(std::string id, json::object body, std::optional<std::string> if_match,
                                   store::Origin by = {});
    Task<Result<json::object>> get(std::string id);
    // Without `with_certificates`, their metadata alone.
    Task<Result<PageOf>> query(json::object body, PageRequest page, bool with_certificates);
    // Refused (409204) while an enrollment or a group names it.
    Task<Result<>> remove(std::string id, std::optional<std::string> if_match, store::Origin by = {});

private:
    store::Store& store_;
    const Clock& clock_;
    Random& random_;
};

// Notes in the record which bundle its body names. 400004 when there is none of that name; one that the enrollment
// named before stays, so that the rest of it can be changed.
Result<> use_trust_bundle(store::Tx& tx, store::EnrollmentRecord& record, const store::EnrollmentRecord* existing);

// The bundle that an assigned device is given; nothing for clients of versions before trust bundles, and when its
// enrollment names none.
Result<std::optional<store::TrustBundleRecord>> trust_bundle_of(store::Tx& tx,
                                                                const store::RegistrationRecord& registration,
                                                                std::string_view api_version);

// Bundles as devices are told them. A fleet asks for the same few again and again: their certificates are parsed once.
// For any thread.
class TrustBundleAnswers {
public:
    Result<std::shared_ptr<const json::object>> of(const store::TrustBundleRecord& bundle);

private:
    struct Known {
        std::string etag;
        std::shared_ptr<const json::object> answer;
    };
    std::mutex mutex_;
    std::map<std::string, Known> known_;  // by id
};

}  // namespace muster::provisioning
