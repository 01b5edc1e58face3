#include <array>

#include "base/text.h"
#include "hub/errors.h"
#include "hub/identifiers.h"
#include "hub/registry_rules.h"
#include "hub/twin.h"

namespace muster::hub {
namespace {

using store::Tx;

enum class ImportMode { create, create_or_update, update, update_if_match, remove, remove_if_match };

std::unexpected<Error> invalid(std::string message) {
    return fail(Error(Errc::invalid_argument, std::move(message)).with_number(code::argument_invalid));
}

Result<ImportMode> parse_mode(const json::object& item) {
    struct Named {
        std::string_view name;
        ImportMode mode;
    };
    static constexpr std::array modes{
        Named{"create", ImportMode::create}, Named{"createorupdate", ImportMode::create_or_update},
        Named{"update", ImportMode::update}, Named{"updateifmatchetag", ImportMode::update_if_match},
        Named{"delete", ImportMode::remove}, Named{"deleteifmatchetag", ImportMode::remove_if_match},
    };
    MUSTER_TRY(const auto text, required_string(item, "importMode"));
    const auto* found = std::ranges::find(modes, to_lower(text), &Named::name);
    if (found == modes.end())
        return invalid(
            fmt::format("\"importMode\" must be create, createOrUpdate, update, updateIfMatchETag, delete or "
                        "deleteIfMatchETag, not '{}'",
                        printable(text)));
    return found->mode;
}

// The initial twin of an item that creates a device.
Result<> apply_twin(Tx& tx, const json::object& item, std::string_view device_id) {
    MUSTER_TRY(const auto* tags, optional_object(item, "tags"));
    MUSTER_TRY(const auto* properties, optional_object(item, "properties"));
    const json::object* desired = nullptr;
    const json::object* reported = nullptr;  // of a device that comes from another hub
    if (properties != nullptr) {
        MUSTER_TRY(desired, optional_object(*properties, "desired"));
        MUSTER_TRY(reported, optional_object(*properties, "reported"));
    }
    if (tags == nullptr && desired == nullptr && reported == nullptr) return {};
    MUSTER_TRY(auto record, find_device(tx, device_id));
    if (tags != nullptr) {
        MUSTER_CHECK(check_section(*tags, "tags", max_tags_bytes));
        record.tags = json::serialize(*tags);
    }
    if (desired != nullptr) {
        MUSTER_CHECK(check_section(*desired, "properties.desired", max_properties_bytes));
        record.desired = json::serialize(*desired);
    }
    if (reported != nullptr) {
        MUSTER_CHECK(check_section(*reported, "properties.reported", max_properties_bytes));
        record.reported = json::serialize(*reported);
    }
    return tx.identities().update(record);
}

Result<> create_item(Tx& tx, ModuleName name, const json::object& body, TimePoint now, Random& random) {
    if (!name.module_id.empty()) {
        MUSTER_CHECK(create_module(tx, name, body, AuthenticationNames::current, now, random));
        return {};
    }
    MUSTER_CHECK(create_device(tx, name.device_id, body, now, random));
    return apply_twin(tx, body, name.device_id);
}

Result<> update_item(Tx& tx, ModuleName name, const json::object& body, std::string_view if_match, TimePoint now,
                     Random& random) {
    if (!name.module_id.empty()) {
        MUSTER_CHECK(update_module(tx, name, body, if_match, AuthenticationNames::current, random));
        return {};
    }
    MUSTER_CHECK(update_device(tx, name.device_id, body, if_match, now, random));
    return {};
}

Result<> remove_item(Tx& tx, ModuleName name, std::string_view if_match) {
    return name.module_id.empty() ? remove_device(tx, name.device_id, if_match) : remove_module(tx, name, if_match);
}

}  // namespace

Result<> apply_bulk_item(Tx& tx, const json::value& item, TimePoint now, Random& random) {
    const auto* object = item.if_object();
    if (object == nullptr) return invalid("every item of a bulk operation must be an object");
    MUSTER_TRY(const auto mode, parse_mode(*object));
    MUSTER_TRY(const auto device_id, required_string(*object, "id"));
    MUSTER_TRY(const auto module_id, optional_string(*object, "moduleId"));
    auto etag = string_or(*object, "eTag", string_or(*object, "etag"));
    const ModuleName name{device_id, module_id ? std::string_view(*module_id) : std::string_view()};
    // Capabilities and authentication stand in an item as they stand in an identity.
    switch (mode) {
        case ImportMode::create: return create_item(tx, name, *object, now, random);
        case ImportMode::create_or_update: {
            MUSTER_TRY(const auto existing, tx.identities().find(name.device_id, name.module_id));
            return existing ? update_item(tx, name, *object, "*", now, random)
                            : create_item(tx, name, *object, now, random);
        }
        case ImportMode::update: return update_item(tx, name, *object, "*", now, random);
        case ImportMode::update_if_match: return update_item(tx, name, *object, etag, now, random);
        case ImportMode::remove: return remove_item(tx, name, "*");
        case ImportMode::remove_if_match: return remove_item(tx, name, etag);
    }
    return invalid("unknown importMode");
}

json::object bulk_error(const json::value& item, const Error& error) {
    const auto* object = item.if_object();
    const json::object nothing;
    const auto& source = object != nullptr ? *object : nothing;
    const int number = error_number(error);
    return {{"deviceId", string_or(source, "id")},
            {"moduleId", find_member(source, "moduleId") != nullptr ? json::value(string_or(source, "moduleId"))
                                                                    : json::value(nullptr)},
            {"errorCode", number},
            {"errorStatus", fmt::format("{}: {}", error_name(number), error.message())},
            {"operation", string_or(source, "importMode")}};
}

}  // namespace muster::hub
