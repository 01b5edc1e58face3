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

namespace {

std::string subject_of(std::string_view device_id, std::string_view module_id = {}) {
    return module_id.empty() ? std::string(device_id) : fmt::format("{}/{}", device_id, module_id);
}

// A change of a device or module, in the journal: by its record before, and as it is now.
class Journal {
public:
    Journal(Tx& tx, const store::Origin& by, TimePoint now, std::string_view device_id, std::string_view module_id = {})
        : tx_(tx), by_(by), now_(now), device_id_(device_id), module_id_(module_id) {}

    Result<> look() {
        MUSTER_TRY(before_, tx_.identities().find(device_id_, module_id_));
        return {};
    }
    Result<> write() {
        MUSTER_TRY(const auto after, tx_.identities().find(device_id_, module_id_));
        json::object detail;
        if (before_) detail["etagBefore"] = before_->etag;
        if (after) detail["etagAfter"] = after->etag;
        if (before_ && after && before_->status != after->status) detail["status"] = after->status;
        if (!before_ && !after) return {};
        const auto* what = !after ? "deleted" : before_ ? "updated" : "created";
        return tx_.journal().change(by_, now_, fmt::format("{}.{}", module_id_.empty() ? "device" : "module", what),
                                    subject_of(device_id_, module_id_), detail);
    }

private:
    Tx& tx_;
    const store::Origin& by_;
    TimePoint now_;
    std::string_view device_id_;
    std::string_view module_id_;
    std::optional<IdentityRecord> before_;
};

// What a bulk item is about; empty where it does not say so, which is refused later.
std::pair<std::string, std::string> ids_of(const json::value& item) {
    const auto* object = item.if_object();
    if (object == nullptr) return {};
    return {string_or(*object, "id"), string_or(*object, "moduleId")};
}

}  // namespace

Task<Result<json::object>> Registry::get_device(std::string device_id) {
    co_return co_await store_.read([&](Tx& tx) -> Result<json::object> {
        MUSTER_TRY(const auto record, find_device(tx, device_id));
        return identity_to_json(record);
    });
}

Task<Result<Written>> Registry::put_device(std::string device_id, json::object body,
                                           std::optional<std::string> if_match, store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<Written> {
        const auto now = clock_.now();
        Journal journal(tx, by, now, device_id);
        MUSTER_CHECK(journal.look());
        MUSTER_TRY(auto written, if_match ? update_device(tx, device_id, body, *if_match, now, random_)
                                          : create_device(tx, device_id, body, now, random_));
        MUSTER_CHECK(journal.write());
        return written;
    });
}

Task<Result<>> Registry::delete_device(std::string device_id, std::string if_match, store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<> {
        Journal journal(tx, by, clock_.now(), device_id);
        MUSTER_CHECK(journal.look());
        MUSTER_CHECK(remove_device(tx, device_id, if_match));
        return journal.write();
    });
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
                                           std::optional<std::string> if_match, AuthenticationNames names,
                                           store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<Written> {
        const ModuleName name{device_id, module_id};
        const auto now = clock_.now();
        Journal journal(tx, by, now, device_id, module_id);
        MUSTER_CHECK(journal.look());
        MUSTER_TRY(auto written, if_match ? update_module(tx, name, body, *if_match, names, random_)
                                          : create_module(tx, name, body, names, now, random_));
        MUSTER_CHECK(journal.write());
        return written;
    });
}

Task<Result<>> Registry::delete_module(std::string device_id, std::string module_id, std::string if_match,
                                       store::Origin by) {
    co_return co_await store_.transact([&](Tx& tx) -> Result<> {
        Journal journal(tx, by, clock_.now(), device_id, module_id);
        MUSTER_CHECK(journal.look());
        MUSTER_CHECK(remove_module(tx, {device_id, module_id}, if_match));
        return journal.write();
    });
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

Task<Result<json::object>> Registry::bulk(json::array items, store::Origin by) {
    constexpr std::size_t max_items = 100;
    if (items.size() > max_items)
        co_return fail(Error(Errc::invalid_argument,
                             fmt::format("{} items in one bulk operation; the limit is {}", items.size(), max_items))
                           .with_number(code::argument_invalid));
    json::array errors;
    for (const auto& item : items) {
        // Each item is a transaction of its own: one bad device does not undo the others.
        auto done = co_await store_.transact([&](Tx& tx) -> Result<> {
            const auto now = clock_.now();
            const auto [device_id, module_id] = ids_of(item);
            Journal journal(tx, by, now, device_id, module_id);
            MUSTER_CHECK(journal.look());
            MUSTER_CHECK(apply_bulk_item(tx, item, now, random_));
            return journal.write();
        });
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
