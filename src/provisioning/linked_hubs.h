// The hubs that this service sends devices to: its own, which is always there, and those linked by connection string
// (facts/dps.md 2.7, "iotHubs"). In memory for every registration, in the store for good.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/lookout.h"
#include "base/one_reading.h"
#include "base/random.h"
#include "base/task.h"
#include "provisioning/allocation.h"
#include "provisioning/outside.h"
#include "store/store.h"

namespace muster::provisioning {

inline constexpr std::size_t max_linked_hubs = 50;

class LinkedHubs {
public:
    // `own_name` is the host name of this musterd's own hub.
    LinkedHubs(store::Store& store, const Clock& clock, Random& random, Outside& outside, std::string own_name);

    std::shared_ptr<const HubList> current() const;
    // Blocking, for start-up.
    Result<> load();
    // `changed` is called after each change, from whichever thread made it.
    void on_change(std::function<void()> changed) { changed_ = std::move(changed); }
    // Reads them anew: another musterd has changed them.
    Task<Result<>> refresh();
    // Before an answer that rests on which hubs there are: where other musterds write to the store, what they have
    // changed is in force then. It costs one row, and a reading only when somebody changed them.
    Task<Result<>> catch_up();
    // The same for a device that is to be sent somewhere: usually it costs nothing (base/lookout.h).
    Task<Result<>> make_sure();

    // {name, connectionString (its key masked), location, allocationWeight, applyAllocationPolicy, etag, and ours:
    // builtIn, address, caCertificate, latencies, state}.
    Task<Result<json::object>> get(std::string name);
    Task<Result<json::array>> list();
    // Creates or replaces. The connection string may be left out, or come masked, for a hub that is linked already, and
    // is not taken for the own hub. Unless `untried`, the hub must answer and take the credentials: 400004 says what it
    // said. Errors name the member.
    Task<Result<json::object>> put(std::string name, json::object body, std::optional<std::string> if_match,
                                   bool untried, store::Origin by = {});
    // Devices stay where they are; those that were on their way there end as failed (400208). Where other musterds send
    // devices to hubs, too, changes take Lookout::settling: none of them goes by what was before when they are
    // answered.
    Task<Result<>> remove(std::string name, std::optional<std::string> if_match, store::Origin by = {});

    // {"allocationPolicy": "hashed"}: for enrollments that name none. Custom needs a webhook, so it is an enrollment's.
    Task<Result<json::object>> default_policy();
    Task<Result<json::object>> put_default_policy(json::object body, store::Origin by = {});

private:
    Result<store::LinkedHubRecord> record_from_json(const std::string& name, const json::object& body,
                                                    const store::LinkedHubRecord* existing) const;
    Result<std::shared_ptr<const HubList>> read(store::Tx& tx);
    Result<LinkedHub> from_record(const store::LinkedHubRecord& record);
    std::shared_ptr<HubState> state_of(const std::string& name);
    Task<Result<>> try_out(const store::LinkedHubRecord& record);
    Task<Result<>> read_anew();
    Task<Result<>> refresh_everywhere();
    bool is_own(std::string_view name) const;
    std::string stored_name(std::string_view name) const { return is_own(name) ? "" : std::string(name); }

    store::Store& store_;
    const Clock& clock_;
    Random& random_;
    Outside& outside_;
    const std::string own_name_;
    std::function<void()> changed_;

    mutable std::mutex mutex_;
    std::shared_ptr<const HubList> list_;
    std::map<std::string, std::shared_ptr<HubState>> states_;  // outlive a link's changes
    OneReading reading_;
    Lookout lookout_{[this] { return catch_up(); }};
};

}  // namespace muster::provisioning
