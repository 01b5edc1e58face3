#include "muster/enrollment_view.h"

#include "base/text.h"
#include "muster/crl_view.h"

namespace muster::cli {
namespace {

constexpr std::size_t shown_thumbprint = 16;

// The members that hold the certificates of either kind.
constexpr const char* certificate_slots[] = {"attestation.x509.clientCertificates",
                                             "attestation.x509.signingCertificates"};

std::string certificate_text(const json::object& slot, TimePoint now) {
    const auto subject = text_at(slot, "info.subjectName");
    const auto thumbprint = text_at(slot, "info.sha256Thumbprint");
    const auto ends = parse_utc(text_at(slot, "info.notAfterUtc"));
    auto text = subject.empty() ? std::string("(given)") : subject;
    if (ends) {
        const auto date = format_utc_seconds(*ends).substr(0, 10);
        text += fmt::format(", {} {}", *ends < now ? "EXPIRED" : "until", date);
    }
    if (!thumbprint.empty()) text += fmt::format(", SHA-256 {}…", thumbprint.substr(0, shown_thumbprint));
    return text;
}

void add_certificates(FactSheet& facts, const json::object& enrollment, TimePoint now) {
    for (const auto* slots : certificate_slots) {
        if (const auto* slot = object_at(enrollment, fmt::format("{}.primary", slots))) {
            facts.add("Certificate", certificate_text(*slot, now));
        }
        if (const auto* slot = object_at(enrollment, fmt::format("{}.secondary", slots))) {
            facts.add("Second certificate", certificate_text(*slot, now));
        }
    }
    facts.add("CA", text_at(enrollment, "attestation.x509.caReferences.primary"));
    facts.add("Second CA", text_at(enrollment, "attestation.x509.caReferences.secondary"));
    facts.add("Endorsement key", text_at(enrollment, "attestation.tpm.endorsementKey"));
}

// What tells one enrollment from the next in a list: the certificate's subject, or the kind of attestation.
std::string attestation_summary(const json::object& enrollment) {
    for (const auto* slots : certificate_slots) {
        for (const auto* slot : {"primary", "secondary"}) {
            auto subject = text_at(enrollment, fmt::format("{}.{}.info.subjectName", slots, slot));
            if (!subject.empty()) return subject;
        }
    }
    if (auto name = text_at(enrollment, "attestation.x509.caReferences.primary"); !name.empty()) return "CA " + name;
    return text_at(enrollment, "attestation.type");
}

void add_keys(FactSheet& facts, const json::object& enrollment, EnrollmentDetail detail) {
    if (text_at(enrollment, "attestation.type") != "symmetricKey") return;
    if (detail != EnrollmentDetail::with_keys) {
        facts.add("Keys", "shown by `show` with --show-keys");
        return;
    }
    facts.add("Primary key", text_at(enrollment, "attestation.symmetricKey.primaryKey"));
    facts.add("Secondary key", text_at(enrollment, "attestation.symmetricKey.secondaryKey"));
}

std::string reprovision_name(const json::object& enrollment) {
    const auto update = text_at(enrollment, "reprovisionPolicy.updateHubAssignment");
    const auto migrate = text_at(enrollment, "reprovisionPolicy.migrateDeviceData");
    if (update.empty()) return {};
    if (update != "true") return "never";
    return migrate == "false" ? "reprovisionandresetdata" : "reprovisionandmigratedata";
}

std::string yes_if_true(const std::string& text) {
    return text == "true" ? "yes" : "no";
}

// What is behind the '?' often is a key.
std::string webhook(const json::object& enrollment) {
    if (string_or(enrollment, "allocationPolicy") != "custom") return {};
    const auto url = text_at(enrollment, "customAllocationDefinition.webhookUrl");
    return url.contains('?') ? url.substr(0, url.find('?')) + "?..." : url;
}

std::string hubs(const json::object& enrollment) {
    std::vector<std::string> names;
    if (const auto* list = find_member(enrollment, "iotHubs"); list != nullptr && list->is_array()) {
        for (const auto& name : list->as_array()) {
            if (name.is_string()) names.emplace_back(name.as_string());
        }
    }
    return join(names, ", ");
}

void add_revocation_lists(FactSheet& facts, const json::object& enrollment, TimePoint now) {
    const auto* lists = find_member(enrollment, "revocationLists");
    if (lists == nullptr || !lists->is_array()) return;
    for (const auto& list : lists->as_array())
        if (list.is_object()) facts.add("Revocation list", crl_summary(list.as_object(), now));
}

void add_registration(FactSheet& facts, const json::object& registration, TimePoint now) {
    facts.add("Registration", string_or(registration, "status"));
    facts.add("Assigned hub", string_or(registration, "assignedHub"));
    facts.add("Assigned device", string_or(registration, "deviceId"));
    facts.add("Detail", registration_detail(registration));
    facts.add("Registered", long_time(registration, "lastUpdatedDateTimeUtc", now));
}

void add_twin(FactSheet& facts, const json::object& enrollment) {
    if (const auto* tags = object_at(enrollment, "initialTwin.tags")) facts.add("Initial tags", json::serialize(*tags));
    if (const auto* desired = object_at(enrollment, "initialTwin.properties.desired")) {
        facts.add("Initial properties", json::serialize(*desired));
    }
}

}  // namespace

ListView enrollment_list_view(const Context& context, EnrollmentKind kind) {
    const auto now = context.io.now;
    if (kind == EnrollmentKind::group) {
        return {{{"GROUP", ColumnKind::id},
                 {"STATUS", ColumnKind::word},
                 {"ATTESTATION"},
                 {"EDGE", ColumnKind::word},
                 {"UPDATED", ColumnKind::word}},
                [now](const json::object& group) -> std::vector<std::string> {
                    return {string_or(group, "enrollmentGroupId"), string_or(group, "provisioningStatus"),
                            attestation_summary(group), yes_if_true(text_at(group, "capabilities.iotEdge")),
                            short_time(group, "lastUpdatedDateTimeUtc", now)};
                },
                "There are no enrollment groups."};
    }
    return {{{"REGISTRATION ID", ColumnKind::id},
             {"STATUS", ColumnKind::word},
             {"ATTESTATION"},
             {"DEVICE ID", ColumnKind::id},
             {"EDGE", ColumnKind::word},
             {"UPDATED", ColumnKind::word}},
            [now](const json::object& enrollment) -> std::vector<std::string> {
                return {string_or(enrollment, "registrationId"),
                        string_or(enrollment, "provisioningStatus"),
                        attestation_summary(enrollment),
                        string_or(enrollment, "deviceId"),
                        yes_if_true(text_at(enrollment, "capabilities.iotEdge")),
                        short_time(enrollment, "lastUpdatedDateTimeUtc", now)};
            },
            "There are no individual enrollments."};
}

void print_enrollment(const Context& context, EnrollmentKind kind, const json::object& enrollment,
                      EnrollmentDetail detail) {
    const auto now = context.io.now;
    FactSheet facts;
    facts.add(kind == EnrollmentKind::group ? "Group" : "Registration id",
              string_or(enrollment, kind == EnrollmentKind::group ? "enrollmentGroupId" : "registrationId"));
    facts.add("Status", string_or(enrollment, "provisioningStatus"));
    facts.add("Attestation", text_at(enrollment, "attestation.type"));
    add_certificates(facts, enrollment, now);
    add_keys(facts, enrollment, detail);
    facts.add("Device id", string_or(enrollment, "deviceId"));
    facts.add("IoT Edge", yes_if_true(text_at(enrollment, "capabilities.iotEdge")));
    facts.add("Allocation", string_or(enrollment, "allocationPolicy"));
    facts.add("Webhook", webhook(enrollment));
    facts.add("Hubs", hubs(enrollment));
    facts.add("Issues by", string_or(enrollment, "credentialPolicyName"));
    if (text_at(enrollment, "edgeCaIssuance") == "true") facts.add("Edge CAs", "over EST");
    facts.add("Trust bundle", string_or(enrollment, "trustBundleId"));
    add_revocation_lists(facts, enrollment, now);
    facts.add("Reprovisioning", reprovision_name(enrollment));
    add_twin(facts, enrollment);
    if (const auto* information = object_at(enrollment, "optionalDeviceInformation")) {
        facts.add("Device information", json::serialize(*information));
    }
    facts.add("Created", long_time(enrollment, "createdDateTimeUtc", now));
    facts.add("Updated", long_time(enrollment, "lastUpdatedDateTimeUtc", now));
    facts.add("ETag", string_or(enrollment, "etag"));
    if (const auto* registration = object_at(enrollment, "registrationState")) {
        add_registration(facts, *registration, now);
    } else if (detail != EnrollmentDetail::as_written && kind == EnrollmentKind::individual) {
        facts.add("Registration", "none: the device has not registered yet");
    }
    facts.print(context.io);
}

std::string registration_detail(const json::object& registration) {
    const auto code = text_at(registration, "errorCode");
    const auto message = string_or(registration, "errorMessage");
    if (code.empty() || code == "0") return string_or(registration, "substatus");
    return message.empty() ? code : fmt::format("{}: {}", code, message);
}

ListView registration_list_view(const Context& context) {
    const auto now = context.io.now;
    return {{{"REGISTRATION ID", ColumnKind::id},
             {"STATUS", ColumnKind::word},
             {"DEVICE ID", ColumnKind::id},
             {"HUB"},
             {"UPDATED", ColumnKind::word},
             {"DETAIL"}},
            [now](const json::object& registration) -> std::vector<std::string> {
                return {string_or(registration, "registrationId"),
                        string_or(registration, "status"),
                        string_or(registration, "deviceId"),
                        string_or(registration, "assignedHub"),
                        short_time(registration, "lastUpdatedDateTimeUtc", now),
                        registration_detail(registration)};
            },
            "No device has registered through this group."};
}

void print_registration(const Context& context, const json::object& registration) {
    const auto now = context.io.now;
    FactSheet facts;
    facts.add("Registration id", string_or(registration, "registrationId"));
    facts.add("Status", string_or(registration, "status"));
    facts.add("Device id", string_or(registration, "deviceId"));
    facts.add("Assigned hub", string_or(registration, "assignedHub"));
    facts.add("Detail", registration_detail(registration));
    facts.add("Created", long_time(registration, "createdDateTimeUtc", now));
    facts.add("Updated", long_time(registration, "lastUpdatedDateTimeUtc", now));
    facts.add("ETag", string_or(registration, "etag"));
    facts.print(context.io);
}

}  // namespace muster::cli
