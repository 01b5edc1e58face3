#include "hub/registry.h"

#include "base/text.h"
#include "hub/assignment.h"
#include "hub/errors.h"
#include "hub/identifiers.h"
#include "hub/registry_rules.h"
#include "hub/twin.h"

namespace muster::hub {

using store::IdentityRecord;
using store::Tx;

Task<Result<json::object>> Registry::get_device(std::string device_id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, find_device(tx, device_id));
        return identity_to_json(record);
    });
}

Task<Result<Written>> Registry::put_device(std::string device_id, json::object body,
                                           std::optional<std::string> if_match) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<Written> {
        return if_match ? update_device(tx, device_id, body, *if_match, clock_.now(), random_)
                        : create_device(tx, device_id, body, clock_.now(), random_);
    });
}

Task<Result<>> Registry::delete_device(std::string device_id, std::string if_match) {
    co_return co_await store_.transact([&](Tx& tx) { return remove_device(tx, device_id, if_match); });
}

Task<Result<DeviceList>> Registry::list_devices(std::size_t limit, std::string after) {
    co_return co_await store_.read([&](Tx& tx) -> Result<DeviceList> {
        // One more than asked for tells whether there is a next page.
        MUSTER_TRY(auto records, tx.identities().list_devices({.after = after, .limit = limit + 1}));
        DeviceList list;
        if (records.size() > limit) {
            records.pop_back();
            list.next = records.back().device_id;
        }
        for (const auto& record : records) list.devices.push_back(identity_to_json(record));
        return list;
    });
}

Task<Result<json::array>> Registry::list_modules(std::string device_id, AuthenticationNames names) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::array> {
        MUSTER_CHECK(find_device(tx, device_id));
        MUSTER_TRY(const auto records, tx.identities().list_modules(device_id));
        json::array modules;
        for (const auto& record : records) modules.push_back(identity_to_json(record, names));
        return modules;
    });
}

Task<Result<json::object>> Registry::get_module(std::string device_id, std::string module_id,
                                                AuthenticationNames names) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, find_module(tx, device_id, module_id));
        return identity_to_json(record, names);
    });
}

Task<Result<Written>> Registry::put_module(std::string device_id, std::string module_id, json::object body,
                                           std::optional<std::string> if_match, AuthenticationNames names) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<Written> {
        const ModuleName name{device_id, module_id};
        return if_match ? update_module(tx, name, body, *if_match, names, random_)
                        : create_module(tx, name, body, names, clock_.now(), random_);
    });
}

Task<Result<>> Registry::delete_module(std::string device_id, std::string module_id, std::string if_match) {
    co_return co_await store_.transact([&](Tx& tx) { return remove_module(tx, {device_id, module_id}, if_match); });
}

Task<Result<json::object>> Registry::get_twin(std::string device_id, std::string module_id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record,
                   module_id.empty() ? find_device(tx, device_id) : find_module(tx, device_id, module_id));
        return twin_to_json(record);
    });
}

Task<Result<json::object>> Registry::device_statistics() {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(auto counts, tx.identities().count_devices());
        return json::object{{"totalDeviceCount", counts["enabled"] + counts["disabled"]},
                            {"enabledDeviceCount", counts["enabled"]},
                            {"disabledDeviceCount", counts["disabled"]}};
    });
}

Task<Result<std::int64_t>> Registry::count_modules() {
    co_return co_await store_.read([&](Tx& tx) { return tx.identities().count_modules(); });
}

Task<Result<json::object>> Registry::bulk(json::array items) {
    constexpr std::size_t max_items = 100;
    if (items.size() > max_items)
        co_return fail(Error(Errc::invalid_argument,
                             fmt::format("{} items in one bulk operation; the limit is {}", items.size(), max_items))
                           .with_number(code::argument_invalid));
    json::array errors;
    for (const auto& item : items) {
        // Each item is a transaction of its own: one bad device does not undo the others.
        auto done = co_await store_.transact(
            [&](Tx& tx) -> Result<> { return apply_bulk_item(tx, item, clock_.now(), random_); });
        if (!done) errors.push_back(bulk_error(item, done.error()));
    }
    const bool successful = errors.empty();
    co_return json::object{{"isSuccessful", successful}, {"errors", std::move(errors)}, {"warnings", json::array()}};
}

Task<Result<>> Registry::authenticate(std::string device_id, DeviceCredentials credentials,
                                      std::vector<std::string> hosts) {
    co_return co_await authenticate_device(store_, std::move(device_id), std::move(credentials), std::move(hosts),
                                           clock_.now());
}

}  // namespace muster::hub
