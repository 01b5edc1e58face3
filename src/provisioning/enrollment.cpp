#include "provisioning/enrollment.h"

#include <array>

#include "base/text.h"
#include "hub/twin.h"
#include "provisioning/attestation_json.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"
#include "provisioning/linked_hubs.h"
#include "provisioning/webhook.h"

namespace muster::provisioning {
namespace {

using store::EnrollmentRecord;

// Members that are kept as they are: they have their effect in another component, or none on where a device goes.
constexpr std::array<std::string_view, 2> carried_objects{"optionalDeviceInformation",
                                                          "clientCertificateIssuancePolicy"};
// trustBundleId is looked up where it is stored (trust_bundles.h).
constexpr std::array<std::string_view, 2> carried_strings{"credentialPolicyName", "trustBundleId"};

json::object parse_own(const std::string& text) {
    auto parsed = parse_json_object(text);
    return parsed ? std::move(*parsed) : json::object();
}

Result<std::string> provisioning_status(const json::object& body) {
    MUSTER_TRY(const auto status, optional_string(body, "provisioningStatus"));
    auto name = to_lower(status.value_or("enabled"));
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

std::vector<std::string> hubs_of(const json::object& body) {
    std::vector<std::string> names;
    if (const auto* hubs = find_member(body, "iotHubs"); hubs != nullptr && hubs->is_array())
        for (const auto& hub : hubs->as_array())
            if (hub.is_string()) names.emplace_back(hub.as_string());
    return names;
}

// The name of a hub as it was linked. Another name would send devices where nobody is; but one that the enrollment had
// already stays when the hub is unlinked: else it could not be changed any more.
Result<std::string> hub_name(std::string_view name, const HubList& linked, const EnrollmentRecord* existing) {
    if (const auto* hub = linked.find(name)) return hub->name;
    if (existing != nullptr)
        for (const auto& kept : hubs_of(parse_own(existing->body)))
            if (equals_ignore_case(kept, name)) return kept;
    return fail(bad_body(fmt::format("hub '{}' is not linked to this service", printable(name)))
                    .with_hint("`muster hub list` shows those that are, `muster hub link` links one"));
}

Result<json::array> hubs(const json::object& body, const HubList& linked, const EnrollmentRecord* existing) {
    json::array out;
    const auto add = [&](std::string_view given) -> Result<> {
        MUSTER_TRY(const auto text, hub_name(given, linked, existing));
        const json::value name(text);
        if (std::ranges::find(out, name) == out.end()) out.push_back(name);
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

// An answer shows the service's policy where an enrollment has none of its own. Who sends that back with another change
// (a GET, then a PUT, as SDKs and `muster` do) does not ask for it: the enrollment goes on following the service.
bool is_as_shown(AllocationPolicy policy, const EnrollmentRecord* existing, const HubList& hubs) {
    if (existing == nullptr || policy != hubs.default_policy()) return false;
    return find_member(parse_own(existing->body), "allocationPolicy") == nullptr;
}

// Nothing for the service's default. One hub that is named the deprecated way is meant as static (facts/dps.md 3.1).
Result<std::optional<AllocationPolicy>> allocation_policy(const json::object& body, const json::array& chosen_hubs,
                                                          const EnrollmentRecord* existing, const HubList& linked) {
    MUSTER_TRY(const auto given, optional_string(body, "allocationPolicy"));
    if (!given || given->empty()) {
        const bool deprecated = find_member(body, "iotHubHostName") != nullptr && chosen_hubs.size() == 1;
        return deprecated ? std::optional(AllocationPolicy::fixed) : std::nullopt;
    }
    MUSTER_TRY(const auto policy, parse_allocation_policy(*given));
    if (is_as_shown(policy, existing, linked)) return std::nullopt;
    if (policy == AllocationPolicy::fixed && chosen_hubs.size() != 1)
        return fail(bad_body(fmt::format("\"allocationPolicy\" static needs exactly one hub in \"iotHubs\", not {}",
                                         chosen_hubs.size())));
    return policy;
}

// {webhookUrl, apiVersion}; kept with any policy, needed for custom.
Result<> add_webhook(const json::object& body, bool needed, json::object& out) {
    MUSTER_TRY(const auto* given, optional_object(body, "customAllocationDefinition"));
    if (given == nullptr) {
        if (!needed) return {};
        return fail(bad_body("\"allocationPolicy\" custom needs \"customAllocationDefinition\" with the webhook"));
    }
    MUSTER_TRY(const auto url, required_string(*given, "webhookUrl"));
    MUSTER_TRY(const auto version, required_string(*given, "apiVersion"));
    MUSTER_CHECK(check_webhook_url(url));
    out["customAllocationDefinition"] = {{"webhookUrl", url}, {"apiVersion", version}};
    return {};
}

Result<> add_allocation(const json::object& body, const EnrollmentRecord* existing, const ServiceFacts& facts,
                        json::object& out) {
    const auto linked = facts.hubs();
    MUSTER_TRY(auto chosen, hubs(body, *linked, existing));
    MUSTER_TRY(const auto policy, allocation_policy(body, chosen, existing, *linked));
    if (policy) out["allocationPolicy"] = to_string(*policy);
    if (!chosen.empty()) {
        if (find_member(body, "iotHubHostName") != nullptr) out["iotHubHostName"] = chosen.front();
        out["iotHubs"] = std::move(chosen);
    }
    return add_webhook(body, policy == AllocationPolicy::custom, out);
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

// A member of ours: Azure's API does not know it.
constexpr std::string_view edge_ca_member = "edgeCaIssuance";

Result<> add_edge_ca(const json::object& body, EnrollmentKind kind, json::object& out) {
    MUSTER_TRY(const auto allowed, optional_bool(body, edge_ca_member));
    if (!allowed || !*allowed) return {};
    if (kind == EnrollmentKind::individual)
        return fail(
            bad_body(fmt::format("\"{}\" belongs to enrollment groups: edge CAs are issued over EST, under a "
                                 "group",
                                 edge_ca_member)));
    out[edge_ca_member] = true;
    return {};
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
    MUSTER_TRY(auto twin, initial_twin_from_json(body));
    if (!twin.is_null()) out["initialTwin"] = std::move(twin);
    MUSTER_TRY(out["provisioningStatus"], provisioning_status(body));
    MUSTER_TRY(out["reprovisionPolicy"], reprovision_policy(body));
    MUSTER_CHECK(add_allocation(body, existing, facts, out));
    MUSTER_CHECK(add_carried(body, kind, out));
    MUSTER_CHECK(add_edge_ca(body, kind, out));
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

Result<json::value> initial_twin_from_json(const json::object& body) {
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

TwinSections twin_sections(const json::object& initial_twin) {
    const auto text = [](const json::object* section) {
        return section == nullptr || section->empty() ? std::string() : json::serialize(*section);
    };
    const auto object = [](const json::object* from, std::string_view name) -> const json::object* {
        const auto* found = from == nullptr ? nullptr : find_member(*from, name);
        return found != nullptr && found->is_object() ? &found->as_object() : nullptr;
    };
    return {text(object(&initial_twin, "tags")), text(object(object(&initial_twin, "properties"), "desired"))};
}

std::shared_ptr<const HubList> ServiceFacts::hubs() const {
    if (linked_hubs != nullptr) return linked_hubs->current();
    return std::make_shared<const HubList>(std::vector{LinkedHub{.name = hub}}, AllocationPolicy::hashed);
}

Task<Result<>> ServiceFacts::catch_up() const {
    if (linked_hubs == nullptr) co_return Result<>();
    co_return co_await linked_hubs->catch_up();
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

    const auto& policy = object(body, "reprovisionPolicy");
    const auto allocation = string_or(body, "allocationPolicy");
    auto twin = twin_sections(object(body, "initialTwin"));
    EnrollmentRules rules{.attestation = string_or(object(body, "attestation"), "type"),
                          .enabled = string_or(body, "provisioningStatus") == "enabled",
                          .device_id = string_or(body, "deviceId"),
                          .edge = flag(object(body, "capabilities"), "iotEdge", false),
                          .edge_ca = flag(body, edge_ca_member, false),
                          .tags = std::move(twin.tags),
                          .desired = std::move(twin.desired),
                          .migrate_data = flag(policy, "migrateDeviceData", true),
                          .update_hub_assignment = flag(policy, "updateHubAssignment", true),
                          .allocation = {},
                          .hubs = hubs_of(body),
                          .webhook_url = string_or(object(body, "customAllocationDefinition"), "webhookUrl")};
    if (!allocation.empty()) {
        MUSTER_TRY(rules.allocation, parse_allocation_policy(allocation));
    }
    const auto& tpm = object(object(body, "attestation"), "tpm");
    if (!tpm.empty()) rules.endorsement_key = base64_decode(string_or(tpm, "endorsementKey")).value_or(Bytes());
    return rules;
}

}  // namespace muster::provisioning
