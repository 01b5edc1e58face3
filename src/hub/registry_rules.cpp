#include "hub/registry_rules.h"

#include "base/text.h"
#include "hub/assignment.h"
#include "hub/errors.h"
#include "hub/identifiers.h"
#include "hub/twin.h"

namespace muster::hub {
namespace {

using store::IdentityRecord;
using store::Tx;

constexpr std::size_t max_modules = 50;

std::unexpected<Error> invalid(std::string message) {
    return fail(Error(Errc::invalid_argument, std::move(message)).with_number(code::argument_invalid));
}

// The id in a body, when there is one, is the id of the path.
Result<> check_body_id(const json::object& body, std::string_view member, std::string_view expected) {
    MUSTER_TRY(const auto id, optional_string(body, member));
    if (id && *id != expected)
        return invalid(fmt::format("\"{}\" is '{}', the path says '{}'", member, printable(*id), printable(expected)));
    return {};
}

Result<> check_not_system(std::string_view module_id) {
    if (!is_system_module(module_id)) return {};
    return fail(Error(Errc::unauthorized,
                      fmt::format("'{}' is a system module of its IoT Edge device and goes only with it", module_id))
                    .with_number(code::system_module));
}

}  // namespace

Result<IdentityRecord> find_device(Tx& tx, std::string_view device_id) {
    MUSTER_TRY(auto record, tx.identities().find(device_id));
    if (!record) return fail(device_not_found(device_id));
    return std::move(*record);
}

Result<IdentityRecord> find_module(Tx& tx, std::string_view device_id, std::string_view module_id) {
    MUSTER_TRY(auto record, tx.identities().find(device_id, module_id));
    if (record) return std::move(*record);
    MUSTER_CHECK(find_device(tx, device_id));
    return fail(module_not_found(device_id, module_id));
}

Result<Written> create_device(Tx& tx, std::string_view device_id, const json::object& body, TimePoint now,
                              Random& random) {
    MUSTER_CHECK(check_device_id(device_id));
    MUSTER_CHECK(check_body_id(body, "deviceId", device_id));
    MUSTER_TRY(const auto existing, tx.identities().find(device_id));
    if (existing)
        return fail(Error(Errc::already_exists, fmt::format("device '{}' is already registered", device_id))
                        .with_number(code::device_already_exists));
    auto record = new_identity(device_id, "", now, random);
    MUSTER_CHECK(apply_json(body, record, true, random));
    if (record.edge) MUSTER_CHECK(add_edge_parts(tx, record, now, random));
    MUSTER_CHECK(tx.identities().insert(record));
    return Written{identity_to_json(record), true};
}

Result<Written> update_device(Tx& tx, std::string_view device_id, const json::object& body, std::string_view if_match,
                              TimePoint now, Random& random) {
    MUSTER_CHECK(check_body_id(body, "deviceId", device_id));
    MUSTER_TRY(auto record, find_device(tx, device_id));
    MUSTER_CHECK(check_if_match(if_match, record.etag, fmt::format("device '{}'", device_id)));
    const bool was_edge = record.edge;
    const auto old_status = record.status;
    MUSTER_CHECK(apply_json(body, record, false, random));
    if (record.edge && !was_edge) MUSTER_CHECK(add_edge_parts(tx, record, now, random));
    if (record.status != old_status) record.status_updated = now;
    record.etag = make_identity_etag(random);
    MUSTER_CHECK(tx.identities().update(record));
    return Written{identity_to_json(record), false};
}

Result<> remove_device(Tx& tx, std::string_view device_id, std::string_view if_match) {
    MUSTER_TRY(const auto record, find_device(tx, device_id));
    MUSTER_CHECK(check_if_match(if_match, record.etag, fmt::format("device '{}'", device_id)));
    MUSTER_CHECK(tx.identities().erase(device_id));
    return {};
}

Result<Written> create_module(Tx& tx, ModuleName name, const json::object& body, AuthenticationNames names,
                              TimePoint now, Random& random) {
    MUSTER_CHECK(check_module_id(name.module_id));
    MUSTER_CHECK(check_body_id(body, "deviceId", name.device_id));
    MUSTER_CHECK(check_body_id(body, "moduleId", name.module_id));
    MUSTER_CHECK(find_device(tx, name.device_id));
    MUSTER_TRY(const auto siblings, tx.identities().list_modules(name.device_id));
    if (std::ranges::find(siblings, name.module_id, &IdentityRecord::module_id) != siblings.end())
        return fail(Error(Errc::already_exists, fmt::format("module '{}' is already registered on device '{}'",
                                                            name.module_id, name.device_id))
                        .with_number(code::module_already_exists));
    MUSTER_CHECK(check_not_system(name.module_id));
    if (siblings.size() >= max_modules)
        return fail(Error(Errc::too_large, fmt::format("device '{}' has {} modules, which is the limit", name.device_id,
                                                       siblings.size()))
                        .with_number(code::too_many_modules));
    auto record = new_identity(name.device_id, name.module_id, now, random);
    MUSTER_CHECK(apply_json(body, record, true, random));
    MUSTER_CHECK(tx.identities().insert(record));
    return Written{identity_to_json(record, names), true};
}

Result<Written> update_module(Tx& tx, ModuleName name, const json::object& body, std::string_view if_match,
                              AuthenticationNames names, Random& random) {
    MUSTER_CHECK(check_body_id(body, "deviceId", name.device_id));
    MUSTER_CHECK(check_body_id(body, "moduleId", name.module_id));
    MUSTER_TRY(auto record, find_module(tx, name.device_id, name.module_id));
    MUSTER_CHECK(check_if_match(if_match, record.etag, fmt::format("module '{}/{}'", name.device_id, name.module_id)));
    MUSTER_CHECK(apply_json(body, record, false, random));
    record.etag = make_identity_etag(random);
    MUSTER_CHECK(tx.identities().update(record));
    return Written{identity_to_json(record, names), false};
}

Result<> remove_module(Tx& tx, ModuleName name, std::string_view if_match) {
    MUSTER_TRY(const auto record, find_module(tx, name.device_id, name.module_id));
    MUSTER_CHECK(check_not_system(name.module_id));
    MUSTER_CHECK(check_if_match(if_match, record.etag, fmt::format("module '{}/{}'", name.device_id, name.module_id)));
    MUSTER_CHECK(tx.identities().erase(name.device_id, name.module_id));
    return {};
}

}  // namespace muster::hub
