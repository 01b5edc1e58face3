// The service API's operations on enrollments, enrollment groups and registration records (facts/dps.md 2.2).
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "provisioning/enrollment.h"
#include "provisioning/groups.h"
#include "provisioning/paging.h"
#include "store/store.h"

namespace muster::provisioning {

// Every change is in the journal with its origin, in the same transaction.
class Enrollments {
public:
    Enrollments(store::Store& store, Groups& groups, const Clock& clock, Random& random, ServiceFacts facts)
        : store_(store), groups_(groups), clock_(clock), random_(random), facts_(std::move(facts)) {}

    // Creates or replaces; with If-Match only what is there and has that etag. The answer holds the keys.
    Task<Result<json::object>> put(EnrollmentKind kind, std::string id, json::object body,
                                   std::optional<std::string> if_match, store::Origin by = {});
    Task<Result<json::object>> get(EnrollmentKind kind, std::string id);
    Task<Result<>> remove(EnrollmentKind kind, std::string id, std::optional<std::string> if_match,
                          store::Origin by = {});
    Task<Result<PageOf>> query(EnrollmentKind kind, json::object body, PageRequest page);
    Task<Result<json::object>> attestation(EnrollmentKind kind, std::string id);
    // {mode, enrollments | enrollmentGroups}: 1 to 10 items, each for itself, durable together. Create takes only what
    // is not there yet (409203).
    Task<Result<json::object>> bulk(EnrollmentKind kind, json::object body, store::Origin by = {});
    // All of the enrollments: with their certificates, and with their symmetric keys when asked, so that what comes out
    // can be put back. Pages as those of `query`.
    Task<Result<PageOf>> export_page(EnrollmentKind kind, PageRequest page, bool with_keys);

    Task<Result<json::object>> get_registration(std::string registration_id);
    Task<Result<>> remove_registration(std::string registration_id, std::optional<std::string> if_match,
                                       store::Origin by = {});
    Task<Result<PageOf>> query_registrations(std::string group_id, PageRequest page);

    // {"enrollments": N, "enrollmentGroups": N, "registrations": {status: N}} and the latest registration records.
    Task<Result<json::object>> counts();
    Task<Result<json::array>> latest_registrations(std::size_t limit);

private:
    Result<store::EnrollmentRecord> write(store::Tx& tx, EnrollmentKind kind, const std::string& id,
                                          const json::object& body, const std::optional<std::string>& if_match,
                                          bool only_new, const store::Origin& by);
    Result<> erase(store::Tx& tx, EnrollmentKind kind, const std::string& id,
                   const std::optional<std::string>& if_match, const store::Origin& by);
    Result<> bulk_item(store::Tx& tx, EnrollmentKind kind, std::string_view mode, const json::object& item,
                       const store::Origin& by);
    // An enrollment without an allocation policy shows the service's own.
    json::object with_policy(json::object enrollment) const;
    Task<Result<>> after_change(EnrollmentKind kind);

    store::Store& store_;
    Groups& groups_;
    const Clock& clock_;
    Random& random_;
    ServiceFacts facts_;
};

}  // namespace muster::provisioning
