#include "muster/bulk/csv_enrollment.h"

#include <array>

#include "base/file.h"
#include "base/text.h"
#include "muster/output.h"
#include "pki/certificate.h"

namespace muster::cli {
namespace {

constexpr std::string_view individual_id = "registrationId";
constexpr std::string_view group_id = "enrollmentGroupId";

constexpr std::array<std::string_view, 24> known_columns{individual_id,
                                                         group_id,
                                                         "attestation",
                                                         "certificate",
                                                         "secondaryCertificate",
                                                         "caName",
                                                         "secondaryCaName",
                                                         "primaryKey",
                                                         "secondaryKey",
                                                         "endorsementKey",
                                                         "storageRootKey",
                                                         "deviceId",
                                                         "iotEdge",
                                                         "provisioningStatus",
                                                         "allocationPolicy",
                                                         "iotHubs",
                                                         "reprovisionPolicy",
                                                         "tags",
                                                         "desired",
                                                         "optionalDeviceInformation",
                                                         "customAllocationDefinition",
                                                         "credentialPolicyName",
                                                         "trustBundleId",
                                                         "edgeCaIssuance"};

struct NamedPolicy {
    std::string_view name;
    bool update_hub_assignment;
    bool migrate_device_data;
};
constexpr std::array reprovision_policies{
    NamedPolicy{"reprovisionandmigratedata", true, true},
    NamedPolicy{"reprovisionandresetdata", true, false},
    NamedPolicy{"never", false, false},
};

// Members of an enrollment that a line holds, or that the service adds anew.
constexpr std::array<std::string_view, 20> held_members{individual_id,
                                                        group_id,
                                                        "attestation",
                                                        "capabilities",
                                                        "deviceId",
                                                        "provisioningStatus",
                                                        "allocationPolicy",
                                                        "iotHubs",
                                                        "iotHubHostName",
                                                        "reprovisionPolicy",
                                                        "initialTwin",
                                                        "optionalDeviceInformation",
                                                        "customAllocationDefinition",
                                                        "credentialPolicyName",
                                                        "trustBundleId",
                                                        "edgeCaIssuance",
                                                        "etag",
                                                        "createdDateTimeUtc",
                                                        "lastUpdatedDateTimeUtc",
                                                        "registrationState"};

json::object& child(json::object& object, std::string_view name) {
    auto& value = object[name];
    if (!value.is_object()) value.emplace_object();
    return value.as_object();
}

Result<std::string> read_certificate(const std::string& cell, const std::filesystem::path& beside) {
    if (!cell.starts_with('@')) return cell;
    const std::filesystem::path path(cell.substr(1));
    return read_file(path.is_absolute() ? path : beside / path);
}

Result<bool> read_flag(const std::string& cell) {
    if (equals_ignore_case(cell, "true")) return true;
    if (equals_ignore_case(cell, "false")) return false;
    return fail(Errc::invalid_argument, "must be true or false, not '{}'", printable(cell));
}

Result<json::object> read_policy(const std::string& cell) {
    for (const auto& policy : reprovision_policies)
        if (equals_ignore_case(cell, policy.name))
            return json::object{{"updateHubAssignment", policy.update_hub_assignment},
                                {"migrateDeviceData", policy.migrate_device_data}};
    return fail(Errc::invalid_argument, "must be reprovisionandmigratedata, reprovisionandresetdata or never, not '{}'",
                printable(cell));
}

// Which attestation the columns of a line speak of, when the line does not say it.
std::string_view implied_attestation(std::string_view column) {
    if (column == "certificate" || column == "secondaryCertificate" || column == "caName" ||
        column == "secondaryCaName")
        return "x509";
    if (column == "primaryKey" || column == "secondaryKey") return "symmetricKey";
    if (column == "endorsementKey" || column == "storageRootKey") return "tpm";
    return {};
}

class Line {
public:
    Line(bool groups, const std::filesystem::path& beside) : groups_(groups), beside_(beside) {}

    Result<> take(std::string_view column, const std::string& cell) {
        if (const auto type = implied_attestation(column); !type.empty()) return take_credential(column, type, cell);
        if (column == "attestation") {
            child(body_, "attestation")["type"] = cell;
        } else if (column == "iotEdge") {
            MUSTER_TRY(child(body_, "capabilities")["iotEdge"], read_flag(cell));
        } else if (column == "edgeCaIssuance") {
            MUSTER_TRY(body_[column], read_flag(cell));
        } else if (column == "iotHubs") {
            take_hubs(cell);
        } else if (column == "reprovisionPolicy") {
            MUSTER_TRY(body_["reprovisionPolicy"], read_policy(cell));
        } else if (column == "tags") {
            MUSTER_TRY(child(body_, "initialTwin")["tags"], parse_json_object(cell));
        } else if (column == "desired") {
            MUSTER_TRY(child(child(body_, "initialTwin"), "properties")["desired"], parse_json_object(cell));
        } else if (column == "optionalDeviceInformation" || column == "customAllocationDefinition") {
            MUSTER_TRY(body_[column], parse_json_object(cell));
        } else {
            body_[column] = cell;
        }
        return {};
    }

    json::object finish() { return std::move(body_); }

private:
    Result<> take_credential(std::string_view column, std::string_view type, const std::string& cell) {
        auto& attestation = child(body_, "attestation");
        if (find_member(attestation, "type") == nullptr) attestation["type"] = type;
        if (string_or(attestation, "type") != type)
            return fail(Errc::invalid_argument, "does not go with attestation {}",
                        printable(string_or(attestation, "type")));
        auto& part = child(attestation, type);
        const bool secondary = column.starts_with("secondary");
        if (type != "x509") {
            part[column] = cell;
        } else if (column.ends_with("aName")) {
            child(part, "caReferences")[secondary ? "secondary" : "primary"] = cell;
        } else {
            MUSTER_TRY(auto certificate, read_certificate(cell, beside_));
            auto& slots = child(part, groups_ ? "signingCertificates" : "clientCertificates");
            slots[secondary ? "secondary" : "primary"] = json::object{{"certificate", std::move(certificate)}};
        }
        return {};
    }

    void take_hubs(const std::string& cell) {
        auto& hubs = body_["iotHubs"].emplace_array();
        for (const auto name : split(cell, ' '))
            if (!name.empty()) hubs.emplace_back(name);
    }

    bool groups_;
    const std::filesystem::path& beside_;
    json::object body_;
};

std::string certificate_cell(const json::object& enrollment, bool groups, std::string_view slot) {
    return text_at(enrollment, fmt::format("attestation.x509.{}.{}.certificate",
                                           groups ? "signingCertificates" : "clientCertificates", slot));
}

std::string object_cell(const json::object& enrollment, std::string_view path) {
    const auto* object = object_at(enrollment, path);
    return object == nullptr || object->empty() ? std::string() : json::serialize(*object);
}

std::string policy_cell(const json::object& enrollment) {
    const bool update = text_at(enrollment, "reprovisionPolicy.updateHubAssignment") != "false";
    const bool migrate = text_at(enrollment, "reprovisionPolicy.migrateDeviceData") != "false";
    for (const auto& policy : reprovision_policies)
        if (policy.update_hub_assignment == update && (!update || policy.migrate_device_data == migrate))
            return std::string(policy.name);
    return {};
}

std::string hubs_cell(const json::object& enrollment) {
    std::vector<std::string> names;
    if (const auto* hubs = find_member(enrollment, "iotHubs"); hubs != nullptr && hubs->is_array())
        for (const auto& hub : hubs->as_array())
            if (hub.is_string()) names.emplace_back(hub.as_string());
    return join(names, " ");
}

// Empty for a null, which says the same as an absent member.
std::string text_cell(const json::object& enrollment, std::string_view path) {
    const auto text = text_at(enrollment, path);
    return text == "null" ? std::string() : text;
}

std::string cell_of(const json::object& enrollment, bool groups, std::string_view column) {
    if (column == "attestation") return text_cell(enrollment, "attestation.type");
    if (column == "certificate") return certificate_cell(enrollment, groups, "primary");
    if (column == "secondaryCertificate") return certificate_cell(enrollment, groups, "secondary");
    if (column == "caName") return text_cell(enrollment, "attestation.x509.caReferences.primary");
    if (column == "secondaryCaName") return text_cell(enrollment, "attestation.x509.caReferences.secondary");
    if (column == "primaryKey" || column == "secondaryKey")
        return text_cell(enrollment, fmt::format("attestation.symmetricKey.{}", column));
    if (column == "endorsementKey" || column == "storageRootKey")
        return text_cell(enrollment, fmt::format("attestation.tpm.{}", column));
    if (column == "iotEdge") return text_cell(enrollment, "capabilities.iotEdge");
    if (column == "iotHubs") return hubs_cell(enrollment);
    if (column == "reprovisionPolicy") return policy_cell(enrollment);
    if (column == "tags") return object_cell(enrollment, "initialTwin.tags");
    if (column == "desired") return object_cell(enrollment, "initialTwin.properties.desired");
    if (column == "optionalDeviceInformation" || column == "customAllocationDefinition")
        return object_cell(enrollment, column);
    return text_cell(enrollment, column);
}

}  // namespace

Result<CsvColumns> CsvColumns::from_header(const std::vector<std::string>& header) {
    CsvColumns columns;
    std::vector<std::string> all(known_columns.begin(), known_columns.end());
    for (const auto& title : header) {
        const auto found =
            std::ranges::find_if(all, [&](const auto& name) { return equals_ignore_case(name, trim(title)); });
        if (found == all.end()) {
            const auto meant = nearest(title, all);
            return fail(
                Error(Errc::invalid_argument, fmt::format("there is no column '{}'{}", printable(title),
                                                          meant ? fmt::format("; did you mean '{}'?", *meant) : ""))
                    .with_hint("Columns are: " + join(all, ", ")));
        }
        if (std::ranges::find(columns.names_, *found) != columns.names_.end())
            return fail(Errc::invalid_argument, "the column '{}' is there twice", *found);
        columns.names_.push_back(*found);
    }
    const auto has = [&](std::string_view name) {
        return std::ranges::find(columns.names_, name) != columns.names_.end();
    };
    if (has(individual_id) == has(group_id))
        return fail(Errc::invalid_argument, "the first line must name either the column '{}' or '{}'", individual_id,
                    group_id);
    columns.groups_ = has(group_id);
    return columns;
}

CsvColumns CsvColumns::all(bool groups) {
    CsvColumns columns;
    columns.groups_ = groups;
    for (const auto name : known_columns) {
        const bool of_individuals = name == individual_id || name == "endorsementKey" || name == "storageRootKey" ||
                                    name == "deviceId" || name == "optionalDeviceInformation";
        const bool of_groups =
            name == group_id || name == "caName" || name == "secondaryCaName" || name == "edgeCaIssuance";
        if (groups ? !of_individuals : !of_groups) columns.names_.emplace_back(name);
    }
    return columns;
}

Result<json::object> CsvColumns::to_enrollment(const std::vector<std::string>& cells,
                                               const std::filesystem::path& beside) const {
    if (cells.size() != names_.size())
        return fail(Errc::invalid_argument, "{} fields, and the first line names {} columns", cells.size(),
                    names_.size());
    Line line(groups_, beside);
    // What the attestation is comes first, wherever its column stands.
    for (const bool attestation : {true, false}) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            if (cells[i].empty() || (names_[i] == "attestation") != attestation) continue;
            auto taken = line.take(names_[i], cells[i]);
            if (!taken) return fail(taken.error().wrap(fmt::format("column '{}'", names_[i])));
        }
    }
    auto body = line.finish();
    if (string_or(body, groups_ ? group_id : individual_id).empty())
        return fail(Errc::invalid_argument, "column '{}' is empty", groups_ ? group_id : individual_id);
    return body;
}

Result<std::vector<std::string>> CsvColumns::to_cells(const json::object& enrollment) const {
    for (const auto& member : enrollment) {
        if (member.value().is_null() ||
            std::ranges::find(held_members, std::string_view(member.key())) != held_members.end())
            continue;
        return fail(Error(Errc::unsupported, fmt::format("a table has no column for '{}'", std::string(member.key())))
                        .with_hint("Export as JSON lines: --format jsonl."));
    }
    std::vector<std::string> cells;
    for (const auto& name : names_) cells.push_back(cell_of(enrollment, groups_, name));
    return cells;
}

}  // namespace muster::cli
