#include "links/hub_answers.h"

#include "base/text.h"
#include "hub/errors.h"

namespace muster::links {
namespace {

constexpr std::size_t longest_message = 300;

// "ErrorCode:DeviceNotFound;..." of the hub's {Message}, or whatever text it sent.
std::string message_of(std::string_view body) {
    if (const auto parsed = parse_json_object(body)) {
        for (const std::string_view name : {"Message", "message", "ExceptionMessage"})
            if (auto text = string_or(*parsed, name); !text.empty()) return printable(text, longest_message);
    }
    return printable(trim(body), longest_message);
}

Errc kind_of(int status) {
    switch (status) {
        case 401:
        case 403: return Errc::forbidden;
        case 404: return Errc::not_found;
        case 408:
        case 412: return Errc::io;
        case 409: return Errc::already_exists;
        case 429: return Errc::throttled;
        case 502:
        case 503:
        case 504: return Errc::unavailable;
        default: return status / 100 == 4 ? Errc::invalid_argument : Errc::io;
    }
}

std::unexpected<Error> no_answer_of_a_hub(std::string_view what) {
    return fail(Errc::io, "the hub's answer is not {}", what);
}

// Azure writes the code of a failed item as a number, as its text, or by name; and the name in the status, too.
bool says_already_exists(const json::object& error) {
    constexpr std::string_view name = "DeviceAlreadyExists";
    if (string_or(error, "errorStatus").contains(name)) return true;
    const auto* number = find_member(error, "errorCode");
    if (number == nullptr) return false;
    if (number->is_number()) return number->to_number<double>() == hub::code::device_already_exists;
    const auto text = string_or(error, "errorCode");
    return text == name || text == fmt::format("{}", hub::code::device_already_exists);
}

const json::object* object_in(const json::object& object, std::string_view name) {
    const auto* found = find_member(object, name);
    return found != nullptr ? found->if_object() : nullptr;
}

std::string text_in(const json::object& object, std::string_view section, std::string_view name) {
    const auto* found = object_in(object, section);
    return found != nullptr ? string_or(*found, name) : std::string();
}

std::string section_text(const json::object* section) {
    if (section == nullptr) return {};
    json::object out;
    for (const auto& member : *section)
        if (!member.key().starts_with('$')) out[member.key()] = member.value();
    return out.empty() ? std::string() : json::serialize(out);
}

json::value section_json(const std::string& text) {
    auto parsed = parse_json_object(text.empty() ? "{}" : text);
    return parsed ? json::value(std::move(*parsed)) : json::object();
}

}  // namespace

Error error_of_answer(int status, std::string_view body) {
    const auto text = message_of(body);
    return Error(kind_of(status), text.empty() ? fmt::format("the hub answered with status {}", status)
                                               : fmt::format("the hub answered with status {}: {}", status, text));
}

Result<> read_create_answer(int status, std::string_view body) {
    if (status / 100 == 2) return {};
    const auto parsed = status == 400 ? parse_json_object(body) : json::object();
    const auto* errors = parsed ? find_member(*parsed, "errors") : nullptr;
    if (errors == nullptr || !errors->is_array()) return fail(error_of_answer(status, body));
    std::string texts;
    for (const auto& entry : errors->as_array()) {
        if (!entry.is_object()) continue;
        if (says_already_exists(entry.as_object())) return fail(Errc::already_exists, "the hub has the device already");
        texts += texts.empty() ? "" : "; ";
        texts += printable(string_or(entry.as_object(), "errorStatus"), longest_message);
    }
    return fail(Errc::invalid_argument, "the hub refused the device: {}", printable(texts, longest_message));
}

Result<json::object> read_device(std::string_view body) {
    auto parsed = parse_json_object(body);
    if (!parsed || string_or(*parsed, "deviceId").empty()) return no_answer_of_a_hub("a device");
    return std::move(*parsed);
}

bool has_credential(const json::object& device, const hub::DeviceCredential& credential) {
    const auto* held = object_in(device, "authentication");
    if (held == nullptr) return false;
    if (credential.thumbprint.empty())
        return string_or(*held, "type") == "sas" &&
               text_in(*held, "symmetricKey", "primaryKey") == credential.primary_key &&
               text_in(*held, "symmetricKey", "secondaryKey") == credential.secondary_key;
    return string_or(*held, "type") == "selfSigned" &&
           equals_ignore_case(text_in(*held, "x509Thumbprint", "primaryThumbprint"), credential.thumbprint) &&
           text_in(*held, "x509Thumbprint", "secondaryThumbprint").empty();
}

bool is_edge(const json::object& device) {
    const auto* capabilities = object_in(device, "capabilities");
    const auto* edge = capabilities != nullptr ? find_member(*capabilities, "iotEdge") : nullptr;
    return edge != nullptr && edge->is_bool() && edge->as_bool();
}

Result<provisioning::TwinCopy> read_twin(std::string_view body) {
    const auto parsed = parse_json_object(body);
    if (!parsed || string_or(*parsed, "deviceId").empty()) return no_answer_of_a_hub("a twin");
    const auto* properties = object_in(*parsed, "properties");
    const auto property = [&](std::string_view name) {
        return section_text(properties != nullptr ? object_in(*properties, name) : nullptr);
    };
    return provisioning::TwinCopy{section_text(object_in(*parsed, "tags")), property("desired"), property("reported"),
                                  string_or(*parsed, "status") == "disabled", string_or(*parsed, "statusReason")};
}

json::object authentication(const hub::DeviceCredential& credential) {
    if (credential.thumbprint.empty())
        return {{"type", "sas"},
                {"symmetricKey", {{"primaryKey", credential.primary_key}, {"secondaryKey", credential.secondary_key}}}};
    return {{"type", "selfSigned"},
            {"x509Thumbprint", {{"primaryThumbprint", credential.thumbprint}, {"secondaryThumbprint", nullptr}}}};
}

json::array create_request(const provisioning::RemoteDevice& device) {
    json::object properties{{"desired", section_json(device.twin.desired)}};
    if (!device.twin.reported.empty()) properties["reported"] = section_json(device.twin.reported);
    return {json::object{{"id", device.device_id},
                         {"importMode", "create"},
                         {"status", device.twin.disabled ? "disabled" : "enabled"},
                         {"statusReason", device.twin.status_reason.empty() ? json::value(nullptr)
                                                                            : json::value(device.twin.status_reason)},
                         {"authentication", authentication(device.credential)},
                         {"capabilities", {{"iotEdge", device.edge}}},
                         {"tags", section_json(device.twin.tags)},
                         {"properties", std::move(properties)}}};
}

json::object twin_request(const provisioning::TwinCopy& twin) {
    return {{"tags", section_json(twin.tags)}, {"properties", {{"desired", section_json(twin.desired)}}}};
}

}  // namespace muster::links
