#include "edge/identityd/dps_answer.h"

#include "base/json.h"
#include "base/text.h"

namespace muster::edge::identityd {
namespace {

std::string detail(const json::object& state) {
    std::string text;
    if (const auto code = optional_integer(state, "errorCode"); code && *code)
        text += fmt::format(", errorCode {}", **code);
    if (const auto message = string_or(state, "errorMessage"); !message.empty()) text += ": " + printable(message, 300);
    return text;
}

Reading malformed(std::string_view why) {
    return {{}, Error(Errc::conflict, fmt::format("DPS gave an answer that cannot be used: {}", why))};
}

Reading read_assigned(const json::object& state) {
    auto hub = string_or(state, "assignedHub");
    auto device = string_or(state, "deviceId");
    if (hub.empty() || device.empty()) return malformed("assigned, without assignedHub or deviceId");
    if (hub.find_first_of("/?#@ ") != std::string::npos) return malformed("assignedHub is not a host name");
    const auto tpm = optional_object(state, "tpm");
    auto key = tpm && *tpm != nullptr ? string_or(**tpm, "authenticationKey") : std::string();
    return {Assignment{std::move(hub), std::move(device), std::move(key)}, {}};
}

Reading read_state(std::string_view status, const json::object& state, const std::string& registration_id) {
    if (status == "assigned") return read_assigned(state);
    if (status == "assigning" || status == "unassigned") return {};
    if (status == "failed")
        return {{},
                Error(Errc::conflict,
                      fmt::format("DPS could not assign \"{}\" to a hub{}", registration_id, detail(state)))};
    if (status == "disabled")
        return {
            {},
            Error(Errc::conflict, fmt::format("the enrollment of \"{}\" is disabled{}", registration_id, detail(state)))
                .with_hint("the operator enables it with: muster enrollment update (or enrollment-group update)")};
    return malformed(fmt::format("status \"{}\"", printable(status, 40)));
}

}  // namespace

Reading read_operation(std::string_view text, const std::string& registration_id) {
    const auto body = parse_json_object(text);
    if (!body) return malformed(body.error().message());
    static const json::object no_state;
    const auto found = optional_object(*body, "registrationState");
    const auto& state = found && *found != nullptr ? **found : no_state;
    return read_state(string_or(*body, "status", string_or(state, "status")), state, registration_id);
}

Reading read_registration(std::string_view text, const std::string& registration_id) {
    const auto body = parse_json_object(text);
    if (!body) return malformed(body.error().message());
    return read_state(string_or(*body, "status"), *body, registration_id);
}

}  // namespace muster::edge::identityd
