// What is to become of a device at its hub: everything an assignment needs besides the registration record, and what it
// does to identity and twin (facts/dps.md 3.2, 3.3). Kept in the outbox while another hub or a webhook has to act
// first.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "hub/assignment.h"
#include "provisioning/outside.h"

namespace muster::provisioning {

// A webhook that names the hub.
struct WebhookOrder {
    std::string url;
    std::string body;               // as it is posted
    std::vector<std::string> hubs;  // it may name one of these
};

// A twin that was read at the hub before; nothing when there was no such device.
struct FetchedTwin {
    std::optional<TwinCopy> twin;
    TimePoint at{};
};

// A certificate of the chain that a device showed, as revocation lists name it.
struct ShownCertificate {
    std::string serial;  // as Certificate::serial_hex
    std::string issuer;  // the mark of the CA (crl_rules.h), whichever of its certificates the list is kept under
};

struct AssignmentOrder {
    std::string hub;  // empty until the webhook has named it
    std::string device_id;
    hub::DeviceCredential credential;
    bool edge = false;
    std::string tags;  // the initial twin: JSON objects as text; empty for {}
    std::string desired;
    bool update = true;  // reprovisionPolicy: updateHubAssignment, migrateDeviceData
    bool migrate = true;
    // Where the last registration left the device; empty for nowhere.
    std::string from_hub;
    std::string from_device;
    // Hubs where an assignment that this one replaced may have made an identity.
    std::vector<std::string> touched;
    std::string payload;  // for the device, JSON; empty for none
    std::optional<WebhookOrder> webhook;
    std::optional<FetchedTwin> fetched;
    std::int64_t fetches = 0;             // how often it was
    std::vector<ShownCertificate> shown;  // of a group's device: may be revoked while it waits
    std::string peer;                     // of the registration, for the log
    std::string tracking_id;

    std::string serialize() const;
    // Errc::internal: it was written by us.
    static Result<AssignmentOrder> parse(std::string_view text);
};

enum class TwinEffect {
    keep,     // a new identity gets the initial twin, an existing one keeps its own
    reset,    // the initial twin in any case
    migrate,  // the twin of the identity at the hub before
};

struct AssignmentEffect {
    bool moved = false;  // the identity at the hub before goes once the new one is there
    TwinEffect twin = TwinEffect::keep;
    std::string substatus;
};

// | before                      | policy  | twin    | old identity | substatus                        |
// |-----------------------------|---------|---------|--------------|----------------------------------|
// | nowhere, or other device id | any     | keep    | stays        | initialAssignment                |
// | the same hub                | migrate | keep    |              | reprovisionedToInitialAssignment |
// | the same hub                | reset   | reset   |              | reprovisionedToInitialAssignment |
// | the same hub                | never   | keep    |              | initialAssignment                |
// | another hub                 | migrate | migrate | goes         | deviceDataMigrated               |
// | another hub                 | reset   | reset   | goes         | deviceDataReset                  |
//
// `order.hub` is set. "Never" does not get to another hub: whoever chooses the hub sees to that.
AssignmentEffect effect_of(const AssignmentOrder& order);

// The linked hub whose twin goes along, when there is one. `order.hub` is set.
const LinkedHub* twin_source(const AssignmentOrder& order, const HubList& hubs);

// An identity that is to go from a hub that is not our own, or a credential of it that was revoked.
struct RemovalOrder {
    std::string hub;
    std::string device_id;
    // Only when the identity has this credential: then an assignment of ours made it. Nothing: in any case.
    std::optional<hub::DeviceCredential> only_with;
    bool credential_alone = false;  // the identity stays, nobody gets in by `only_with`

    std::string serialize() const;
    static Result<RemovalOrder> parse(std::string_view text);
};

// Keys and queues of the outbox.
std::string assignment_key(std::string_view registration_id);
std::string removal_key(std::string_view hub, std::string_view device_id);
std::string lock_out_key(std::string_view hub, std::string_view device_id, std::string_view thumbprint);
bool is_assignment_key(std::string_view key);
std::string_view registration_of_key(std::string_view assignment_key);  // in lower case
std::string hub_queue(std::string_view hub);
std::string webhook_queue(std::string_view url);  // by scheme, host and port
// The hub of a queue; empty for a webhook's.
std::string_view hub_of_queue(std::string_view queue);

}  // namespace muster::provisioning
