#include "hub/identity_json.h"

#include "base/bytes.h"
#include "base/text.h"
#include "hub/errors.h"
#include "hub/identifiers.h"

namespace muster::hub {
namespace {

using store::IdentityRecord;

// The registry's way of saying "never".
constexpr std::string_view never = "0001-01-01T00:00:00Z";
constexpr std::size_t max_status_reason = 128;

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

std::string_view authentication_name(const IdentityRecord& record, AuthenticationNames names) {
    if (names == AuthenticationNames::edge_2017 &&
        (record.authentication == "selfSigned" || record.authentication == "certificateAuthority"))
        return "x509";
    return record.authentication;
}

json::object authentication_to_json(const IdentityRecord& record, AuthenticationNames names) {
    return {{"symmetricKey",
             {{"primaryKey", text_or_null(record.primary_key)}, {"secondaryKey", text_or_null(record.secondary_key)}}},
            {"x509Thumbprint",
             {{"primaryThumbprint", text_or_null(record.primary_thumbprint)},
              {"secondaryThumbprint", text_or_null(record.secondary_thumbprint)}}},
            {"type", authentication_name(record, names)}};
}

std::unexpected<Error> invalid(std::string message) {
    return fail(Error(Errc::invalid_argument, std::move(message)).with_number(code::argument_invalid));
}

Result<> apply_status(const json::object& body, IdentityRecord& record) {
    MUSTER_TRY(const auto status, optional_string(body, "status"));
    if (status) {
        const auto name = to_lower(*status);
        if (name != "enabled" && name != "disabled")
            return invalid(fmt::format("\"status\" must be enabled or disabled, not '{}'", printable(*status)));
        record.status = name;
    }
    MUSTER_TRY(const auto reason, optional_string(body, "statusReason"));
    if (reason && reason->size() > max_status_reason)
        return invalid(fmt::format("\"statusReason\" has more than {} characters", max_status_reason));
    record.status_reason = reason.value_or("");
    return {};
}

// A key of a symmetricKey object: absent or empty is "", else it must be base64 of 16 to 64 bytes.
Result<std::string> read_key(const json::object& keys, std::string_view member) {
    MUSTER_TRY(auto text, optional_string(keys, member));
    if (!text || text->empty()) return std::string();
    const auto key = base64_decode(*text);
    if (!key || key->size() < 16 || key->size() > 64)
        return invalid(fmt::format("\"authentication.symmetricKey.{}\" must be base64 of 16 to 64 bytes", member));
    return std::move(*text);
}

struct Authentication {
    std::string type;
    std::string primary_key;
    std::string secondary_key;
    std::string primary_thumbprint;
    std::string secondary_thumbprint;
};

Result<Authentication> read_authentication(const json::object& object) {
    Authentication out;
    MUSTER_TRY(const auto type, optional_string(object, "type"));
    MUSTER_TRY(const auto* keys, optional_object(object, "symmetricKey"));
    if (keys != nullptr) {
        MUSTER_TRY(out.primary_key, read_key(*keys, "primaryKey"));
        MUSTER_TRY(out.secondary_key, read_key(*keys, "secondaryKey"));
    }
    MUSTER_TRY(const auto* thumbprints, optional_object(object, "x509Thumbprint"));
    if (thumbprints != nullptr) {
        MUSTER_TRY(auto primary, optional_string(*thumbprints, "primaryThumbprint"));
        MUSTER_TRY(auto secondary, optional_string(*thumbprints, "secondaryThumbprint"));
        MUSTER_TRY(out.primary_thumbprint, normalize_thumbprint(primary.value_or(""), "primaryThumbprint"));
        MUSTER_TRY(out.secondary_thumbprint, normalize_thumbprint(secondary.value_or(""), "secondaryThumbprint"));
    }
    const bool has_thumbprint = !out.primary_thumbprint.empty() || !out.secondary_thumbprint.empty();
    out.type = type.value_or(has_thumbprint ? "selfSigned" : "sas");
    return out;
}

Result<> set_authentication(const Authentication& given, IdentityRecord& record, Random& random) {
    record.authentication = given.type;
    record.primary_key.clear();
    record.secondary_key.clear();
    record.primary_thumbprint.clear();
    record.secondary_thumbprint.clear();
    if (given.type == "sas") {
        record.primary_key = given.primary_key.empty() ? make_device_key(random) : given.primary_key;
        record.secondary_key = given.secondary_key.empty() ? make_device_key(random) : given.secondary_key;
    } else if (given.type == "selfSigned" || given.type == "x509") {
        record.authentication = "selfSigned";
        if (given.primary_thumbprint.empty() && given.secondary_thumbprint.empty())
            return invalid("authentication of type selfSigned needs a thumbprint in \"x509Thumbprint\"");
        record.primary_thumbprint = given.primary_thumbprint;
        record.secondary_thumbprint = given.secondary_thumbprint;
    } else if (given.type == "certificateAuthority") {
        return invalid(
            "authentication of type certificateAuthority is not in this version of Muster: use selfSigned with the "
            "certificate's thumbprint, or an enrollment group");
    } else if (given.type != "none") {
        return invalid(
            fmt::format("\"authentication.type\" must be sas, selfSigned or none, not '{}'", printable(given.type)));
    }
    return {};
}

Result<> apply_authentication(const json::object& body, IdentityRecord& record, bool is_new, Random& random) {
    MUSTER_TRY(const auto* object, optional_object(body, "authentication"));
    if (object == nullptr) {
        if (!is_new) return {};
        return set_authentication({.type = record.is_module() ? "none" : "sas"}, record, random);
    }
    MUSTER_TRY(auto given, read_authentication(*object));
    // An update that repeats the type without keys keeps the keys there are.
    if (!is_new && given.type == "sas" && record.authentication == "sas") {
        if (given.primary_key.empty()) given.primary_key = record.primary_key;
        if (given.secondary_key.empty()) given.secondary_key = record.secondary_key;
    }
    return set_authentication(given, record, random);
}

Result<> apply_capabilities(const json::object& body, IdentityRecord& record, bool is_new) {
    MUSTER_TRY(const auto* capabilities, optional_object(body, "capabilities"));
    if (capabilities == nullptr) return {};
    MUSTER_TRY(const auto edge, optional_bool(*capabilities, "iotEdge"));
    if (!edge) return {};
    if (!is_new && record.edge && !*edge)
        return invalid("an IoT Edge device cannot be made an ordinary one: delete it and create it again");
    record.edge = *edge;
    return {};
}

Result<> apply_scopes(const json::object& body, IdentityRecord& record) {
    MUSTER_TRY(const auto scope, optional_string(body, "deviceScope"));
    // An edge device's own scope is the server's to write.
    if (scope && !record.edge) record.device_scope = *scope;
    const auto* parents = find_member(body, "parentScopes");
    if (parents == nullptr) return {};
    if (!parents->is_array()) return invalid("\"parentScopes\" must be an array");
    for (const auto& parent : parents->as_array())
        if (!parent.is_string()) return invalid("\"parentScopes\" must hold strings");
    if (parents->as_array().size() > 1) return invalid("\"parentScopes\" has more than one entry");
    record.parent_scopes = parents->as_array().empty() ? "" : json::serialize(*parents);
    return {};
}

}  // namespace

Result<std::string> normalize_thumbprint(std::string_view text, std::string_view member) {
    std::string out;
    for (const char c : text)
        if (c != ':' && c != ' ') out += c;
    if (out.empty()) return out;
    if ((out.size() != 40 && out.size() != 64) || !hex_decode(out))
        return invalid(fmt::format("\"{}\" must be a SHA-1 (40) or SHA-256 (64 hex digits) thumbprint", member));
    return to_upper(out);
}

json::object identity_to_json(const IdentityRecord& record, AuthenticationNames names) {
    json::object out{{"deviceId", record.device_id}};
    if (record.is_module()) {
        out["moduleId"] = record.module_id;
        out["managedBy"] = text_or_null(record.managed_by);
    }
    out["generationId"] = record.generation_id;
    out["etag"] = record.etag;
    out["connectionState"] = "Disconnected";
    out["connectionStateUpdatedTime"] = never;
    out["lastActivityTime"] = never;
    out["cloudToDeviceMessageCount"] = 0;
    out["authentication"] = authentication_to_json(record, names);
    if (record.is_module()) return out;

    out["status"] = record.status;
    out["statusReason"] = text_or_null(record.status_reason);
    out["statusUpdatedTime"] =
        record.status_updated == TimePoint{} ? std::string(never) : format_utc(record.status_updated);
    out["capabilities"] = {{"iotEdge", record.edge}};
    if (!record.device_scope.empty()) out["deviceScope"] = record.device_scope;
    out["parentScopes"] = record.parent_scopes.empty() ? json::value(json::array()) : json::parse(record.parent_scopes);
    return out;
}

Result<> apply_json(const json::object& body, IdentityRecord& record, bool is_new, Random& random) {
    MUSTER_CHECK(apply_authentication(body, record, is_new, random));
    if (record.is_module()) {
        MUSTER_TRY(const auto managed_by, optional_string(body, "managedBy"));
        if (managed_by) record.managed_by = *managed_by;
        return {};
    }
    MUSTER_CHECK(apply_status(body, record));
    MUSTER_CHECK(apply_capabilities(body, record, is_new));
    return apply_scopes(body, record);
}

}  // namespace muster::hub
