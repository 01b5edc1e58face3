// Brings a device to its hub, inside a transaction: at once where only this service's own hub is concerned, by an entry
// in the outbox where another hub or a webhook has to act first.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "provisioning/assignment_order.h"
#include "provisioning/outside.h"
#include "store/tx.h"

namespace muster::provisioning {

// Queues of the outbox that got something to do.
using Wakes = std::vector<std::string>;

struct Assigner {
    store::Tx& tx;
    const HubList& hubs;
    TimePoint now;
    Random& random;
    // A hub that is not linked any more, at which the device keeps an identity that it moved away from; empty for none.
    std::string left_behind = {};

    // Changes `record` to assigned, failed or assigning; the caller stores it. `order` names a hub or has a webhook.
    // Errc::unavailable when too many wait for that hub already. `since` is when the device began to wait.
    Result<Wakes> begin(store::RegistrationRecord& record, const AssignmentOrder& order, TimePoint since);
    // After the part that is not ours is done: identities of our own, the record, and what is left to be removed.
    // `copy` is the twin that was read at the hub before, nothing when there was none to read.
    Result<Wakes> finish(store::RegistrationRecord& record, const AssignmentOrder& order,
                         const std::optional<TwinCopy>& copy);
    // What replaced assignments may have left behind goes, where it is theirs.
    Result<Wakes> clean_up(const AssignmentOrder& order);
    // The credential of that device was revoked: it lets nobody in at its hub, whichever that is.
    Result<Wakes> lock_out(std::string_view hub, const std::string& device_id, const hub::DeviceCredential& revoked);

private:
    Result<Wakes> enqueue(store::RegistrationRecord& record, const AssignmentOrder& order, std::string queue,
                          TimePoint since);
    Result<Wakes> remove_old_identity(const AssignmentOrder& order);
    Result<Wakes> request_removal(const RemovalOrder& removal);
};

// What a revocation does besides, in its transaction: the hub that the device is at does not go on taking the
// certificate. The caller wakes the queues that it returns once that is durable.
Result<Wakes> lock_out_revoked(store::Tx& tx, const store::IssuedCertificateRecord& revoked, const HubList& hubs,
                               TimePoint now, Random& random);

// A registration that ends without an assignment. The device stays where it was.
void end_as_failed(store::RegistrationRecord& record, const Error& error);
Error not_linked(std::string_view hub);

// The twin that the device has once it is assigned, and whether an identity that is there gets it, too.
struct TwinChange {
    TwinCopy twin;
    bool replace = false;
};
TwinChange twin_change(const AssignmentOrder& order, const AssignmentEffect& effect,
                       const std::optional<TwinCopy>& copy);

// The own identity that a device leaves, as the copy of its twin was taken; nothing when it is not there.
struct OwnTwin {
    TwinCopy twin;
    std::int64_t version = 0;
    std::int64_t reported_version = 0;
    bool operator==(const OwnTwin& other) const {
        return version == other.version && reported_version == other.reported_version &&
               twin.disabled == other.twin.disabled;
    }
};
Result<std::optional<OwnTwin>> read_own_twin(store::Tx& tx, const std::string& device_id);

// One line in the log for a registration that came to its end; another for Assigner::left_behind.
void log_outcome(const store::RegistrationRecord& record, std::string_view left_behind, std::string_view peer,
                 std::string_view tracking_id);

}  // namespace muster::provisioning
