// Twins that services write whole: PUT /twins/{id} (facts/hub.md 3.3, 5.3).
#include "hub/identifiers.h"
#include "hub/registry_rules.h"
#include "hub/twin.h"

namespace muster::hub {
namespace {

// A section without the names that only the hub writes ($version, $metadata).
json::object own_names(const json::object* section) {
    json::object out;
    if (section == nullptr) return out;
    for (const auto& member : *section)
        if (!member.key().starts_with('$')) out[member.key()] = member.value();
    return out;
}

}  // namespace

Result<store::IdentityRecord> replace_twin(store::Tx& tx, ModuleName name, const json::object& body,
                                           const std::optional<std::string>& if_match, TimePoint now) {
    MUSTER_TRY(auto record, name.module_id.empty() ? find_device(tx, name.device_id)
                                                   : find_module(tx, name.device_id, name.module_id));
    if (if_match)
        MUSTER_CHECK(check_if_match(*if_match, record.twin_etag, fmt::format("the twin of '{}'", name.device_id)));
    MUSTER_TRY(const auto* tags, optional_object(body, "tags"));
    MUSTER_TRY(const auto* properties, optional_object(body, "properties"));
    const json::object* desired = nullptr;
    if (properties != nullptr) {
        MUSTER_TRY(desired, optional_object(*properties, "desired"));
    }
    const auto new_tags = own_names(tags);
    const auto new_desired = own_names(desired);
    MUSTER_CHECK(check_section(new_tags, "tags", max_tags_bytes));
    MUSTER_CHECK(check_section(new_desired, "properties.desired", max_properties_bytes));
    record.tags = new_tags.empty() ? std::string() : json::serialize(new_tags);
    record.desired = new_desired.empty() ? std::string() : json::serialize(new_desired);
    // Versions go on by one: a device that cached the twin must see the change.
    ++record.desired_version;
    record.desired_updated = now;
    ++record.twin_version;
    record.twin_etag = twin_etag(record.twin_version);
    MUSTER_CHECK(tx.identities().update(record));
    return record;
}

Task<Result<json::object>> Registry::replace_twin(std::string device_id, std::string module_id, json::object body,
                                                  std::optional<std::string> if_match, store::Origin by) {
    co_return co_await store_.transact([&](store::Tx& tx) -> Result<json::object> {
        const auto now = clock_.now();
        MUSTER_TRY(const auto record, hub::replace_twin(tx, {device_id, module_id}, body, if_match, now));
        MUSTER_CHECK(tx.journal().change(by, now, "twin.replaced",
                                         module_id.empty() ? device_id : fmt::format("{}/{}", device_id, module_id),
                                         {{"etagAfter", record.twin_etag}}));
        return twin_to_json(record);
    });
}

}  // namespace muster::hub
