#include "provisioning/enrollment.h"

#include <array>

#include "base/text.h"
#include "hub/twin.h"
#include "provisioning/attestation_json.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;

// Members that are kept as they are: they have their effect in another component, or none on where a device goes.
constexpr std::array<std::string_view, 3> carried_objects{
    "optionalDeviceInformation", "clientCertificateIssuancePolicy", "customAllocationDefinition"};
constexpr std::array<std::string_view, 2> carried_strings{"credentialPolicyName", "trustBundleId"};

Result<std::string> provisioning_status(const json::object& body) {
    MUSTER_TRY(const auto status, optional_string(body, "provisioningStatus"));
    const auto name = to_lower(status.value_or("enabled"));
    if (name != "enabled" && name != "disabled")
        return fail(
            bad_body(fmt::format("\"provisioningStatus\" must be enabled or disabled, not '{}'", printable(*status))));
    return name;
}

Result<json::object> reprovision_policy(const json::object& body) {
    MUSTER_TRY(const auto* policy, optional_object(body, "reprovisionPolicy"));
    const json::object none;
    const auto& given = policy != nullptr ? *policy : none;
    MUSTER_TRY(const auto update, optional_bool(given, "updateHubAssignment"));
    MUSTER_TRY(const auto migrate, optional_bool(given, "migrateDeviceData"));
    return json::object{{"updateHubAssignment", update.value_or(true)}, {"migrateDeviceData", migrate.value_or(true)}};
}

Result<json::object> capabilities(const json::object& body) {
    MUSTER_TRY(const auto* given, optional_object(body, "capabilities"));
    if (given == nullptr) return json::object{{"iotEdge", false}};
    MUSTER_TRY(const auto edge, optional_bool(*given, "iotEdge"));
    return json::object{{"iotEdge", edge.value_or(false)}};
}

// A twin section without the names that only the server writes ($version, $metadata).
json::object without_server_names(const json::object& section) {
    json::object out;
    for (const auto& member : section)
        if (!member.key().starts_with('$')) out[member.key()] = member.value();
    return out;
}

Result<json::value> initial_twin(const json::object& body) {
    MUSTER_TRY(const auto* twin, optional_object(body, "initialTwin"));
    if (twin == nullptr) return json::value(nullptr);
    json::object out;
    MUSTER_TRY(const auto* tags, optional_object(*twin, "tags"));
    if (tags != nullptr) {
        auto section = without_server_names(*tags);
        MUSTER_CHECK(hub::check_section(section, "initialTwin.tags", hub::max_tags_bytes));
        out["tags"] = std::move(section);
    }
    MUSTER_TRY(const auto* properties, optional_object(*twin, "properties"));
    const json::object* desired = nullptr;
    if (properties != nullptr) {
        MUSTER_TRY(desired, optional_object(*properties, "desired"));
    }
    if (desired != nullptr) {
        auto section = without_server_names(*desired);
        MUSTER_CHECK(hub::check_section(section, "initialTwin.properties.desired", hub::max_properties_bytes));
        out["properties"] = {{"desired", std::move(section)}};
    }
    return json::value(std::move(out));
}

// The hubs that an enrollment names. There is one hub; another name would send devices where nobody is.
Result<json::array> hubs(const json::object& body, const ServiceFacts& facts) {
    json::array out;
    const auto add = [&](std::string_view name) -> Result<> {
        if (!equals_ignore_case(name, facts.hub))
            return fail(not_in_this_version(
                fmt::format("hub '{}' is not linked: this version of Muster serves its own hub, '{}', alone",
                            printable(name), facts.hub)));
        out.emplace_back(facts.hub);
        return {};
    };
    const auto* list = find_member(body, "iotHubs");
    if (list != nullptr) {
        if (!list->is_array()) return fail(bad_body("\"iotHubs\" must be an array of host names"));
        for (const auto& entry : list->as_array()) {
            if (!entry.is_string()) return fail(bad_body("\"iotHubs\" must hold host names"));
            MUSTER_CHECK(add(entry.as_string()));
        }
    }
    MUSTER_TRY(const auto single, optional_string(body, "iotHubHostName"));
    if (single && !single->empty() && out.empty()) MUSTER_CHECK(add(*single));
    return out;
}

Result<std::string_view> allocation_policy(const json::object& body, const json::array& chosen_hubs) {
    MUSTER_TRY(const auto given, optional_string(body, "allocationPolicy"));
    const auto name = to_lower(given.value_or(""));
    if (name.empty() || name == "hashed") return "hashed";
    if (name == "geolatency") return "geoLatency";
    if (name == "custom")
        return fail(not_in_this_version("\"allocationPolicy\" custom (a webhook) is not in this version of Muster"));
    if (name != "static")
        return fail(bad_body(fmt::format("\"allocationPolicy\" must be hashed, geoLatency, static or custom, not '{}'",
                                         printable(*given))));
    if (chosen_hubs.size() != 1)
        return fail(bad_body(fmt::format("\"allocationPolicy\" static needs exactly one hub in \"iotHubs\", not {}",
                                         chosen_hubs.size())));
    return "static";
}

Result<> add_allocation(const json::object& body, const ServiceFacts& facts, json::object& out) {
    MUSTER_TRY(auto chosen, hubs(body, facts));
    MUSTER_TRY(const auto policy, allocation_policy(body, chosen));
    out["allocationPolicy"] = policy;
    if (!chosen.empty()) {
        if (find_member(body, "iotHubHostName") != nullptr) out["iotHubHostName"] = facts.hub;
        out["iotHubs"] = std::move(chosen);
    }
    return {};
}

Result<> add_carried(const json::object& body, EnrollmentKind kind, json::object& out) {
    for (const auto name : carried_objects) {
        if (kind == EnrollmentKind::group && name == "optionalDeviceInformation") continue;
        MUSTER_TRY(const auto* object, optional_object(body, name));
        if (object != nullptr) out[name] = *object;
    }
    for (const auto name : carried_strings) {
        MUSTER_TRY(const auto text, optional_string(body, name));
        if (text) out[name] = *text;
    }
    return {};
}

Result<> add_device_id(const json::object& body, EnrollmentKind kind, json::object& out) {
    MUSTER_TRY(const auto device_id, optional_string(body, "deviceId"));
    if (!device_id || device_id->empty()) return {};
    if (kind == EnrollmentKind::group)
        return fail(bad_body(
            "\"deviceId\" belongs to individual enrollments: a group's devices are named by their registration id"));
    MUSTER_CHECK(check_id(*device_id, "device id"));
    out["deviceId"] = *device_id;
    return {};
}

json::object parse_own(const std::string& text) {
    auto parsed = parse_json_object(text);
    return parsed ? std::move(*parsed) : json::object();
}

json::object attestation_with_keys(json::object attestation, const EnrollmentRecord& record) {
    if (string_or(attestation, "type") == "symmetricKey")
        attestation["symmetricKey"] = {{"primaryKey", record.primary_key}, {"secondaryKey", record.secondary_key}};
    return attestation;
}

}  // namespace

std::string_view id_member(EnrollmentKind kind) {
    return kind == EnrollmentKind::individual ? "registrationId" : "enrollmentGroupId";
}

std::string_view noun(EnrollmentKind kind) {
    return kind == EnrollmentKind::individual ? "enrollment" : "enrollment group";
}

Result<EnrollmentRecord> enrollment_from_json(EnrollmentKind kind, std::string_view id, const json::object& body,
                                              const EnrollmentRecord* existing, const ServiceFacts& facts,
                                              Random& random) {
    MUSTER_CHECK(check_id(id, id_member(kind)));
    MUSTER_TRY(const auto body_id, required_string(body, id_member(kind)));
    if (!equals_ignore_case(body_id, id))
        return fail(
            bad_body(fmt::format("\"{}\" is '{}', the path says '{}'", id_member(kind), printable(body_id), id)));
    MUSTER_TRY(const auto* attestation, optional_object(body, "attestation"));
    if (attestation == nullptr) return fail(bad_body("\"attestation\" is missing"));

    EnrollmentRecord record{.id = body_id};
    json::object out{{id_member(kind), body_id}};
    MUSTER_CHECK(add_device_id(body, kind, out));
    MUSTER_TRY(out["attestation"], attestation_from_json(kind, *attestation, existing, record, random));
    MUSTER_TRY(out["capabilities"], capabilities(body));
    MUSTER_TRY(auto twin, initial_twin(body));
    if (!twin.is_null()) out["initialTwin"] = std::move(twin);
    MUSTER_TRY(out["provisioningStatus"], provisioning_status(body));
    MUSTER_TRY(out["reprovisionPolicy"], reprovision_policy(body));
    MUSTER_CHECK(add_allocation(body, facts, out));
    MUSTER_CHECK(add_carried(body, kind, out));
    record.body = json::serialize(out);
    return record;
}

json::object enrollment_to_json(const EnrollmentRecord& record) {
    auto out = parse_own(record.body);
    out["etag"] = record.etag;
    out["createdDateTimeUtc"] = format_utc(record.created);
    out["lastUpdatedDateTimeUtc"] = format_utc(record.updated);
    return out;
}

json::object enrollment_to_json_with_keys(const EnrollmentRecord& record) {
    auto out = enrollment_to_json(record);
    out["attestation"] = attestation_mechanism(record);
    return out;
}

json::object attestation_mechanism(const EnrollmentRecord& record) {
    const auto body = parse_own(record.body);
    const auto* attestation = find_member(body, "attestation");
    return attestation == nullptr ? json::object() : attestation_with_keys(attestation->as_object(), record);
}

std::vector<std::string> ca_references(const EnrollmentRecord& record) {
    std::vector<std::string> names;
    const json::value body = parse_own(record.body);
    boost::system::error_code missing;
    const auto* references = body.find_pointer("/attestation/x509/caReferences", missing);
    if (missing || references == nullptr || !references->is_object()) return names;
    for (const std::string_view slot : {"primary", "secondary"})
        if (auto name = string_or(references->as_object(), slot); !name.empty()) names.push_back(std::move(name));
    return names;
}

Result<EnrollmentRules> enrollment_rules(const EnrollmentRecord& record) {
    MUSTER_TRY(const auto body, parse_json_object(record.body));
    const json::object none;
    const auto object = [&](const json::object& from, std::string_view name) -> const json::object& {
        const auto* found = find_member(from, name);
        return found != nullptr && found->is_object() ? found->as_object() : none;
    };
    const auto flag = [](const json::object& from, std::string_view name, bool otherwise) {
        const auto* found = find_member(from, name);
        return found != nullptr && found->is_bool() ? found->as_bool() : otherwise;
    };
    const auto text = [&](const json::object& section) {
        return section.empty() ? std::string() : json::serialize(section);
    };

    const auto& twin = object(body, "initialTwin");
    const auto& policy = object(body, "reprovisionPolicy");
    return EnrollmentRules{.attestation = string_or(object(body, "attestation"), "type"),
                           .enabled = string_or(body, "provisioningStatus") == "enabled",
                           .device_id = string_or(body, "deviceId"),
                           .edge = flag(object(body, "capabilities"), "iotEdge", false),
                           .tags = text(object(twin, "tags")),
                           .desired = text(object(object(twin, "properties"), "desired")),
                           .migrate_data = flag(policy, "migrateDeviceData", true),
                           .update_hub_assignment = flag(policy, "updateHubAssignment", true)};
}

}  // namespace muster::provisioning
