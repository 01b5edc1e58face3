#include "provisioning/assignment_order.h"

#include "base/text.h"

namespace muster::provisioning {
namespace {

constexpr std::string_view assignment_prefix = "assign/";
constexpr std::string_view hub_prefix = "hub/";

json::array to_array(const std::vector<std::string>& texts) {
    return json::array(texts.begin(), texts.end());
}

std::vector<std::string> texts_of(const json::object& object, std::string_view name) {
    std::vector<std::string> texts;
    const auto* found = find_member(object, name);
    if (found == nullptr || !found->is_array()) return texts;
    for (const auto& entry : found->as_array())
        if (entry.is_string()) texts.emplace_back(entry.as_string());
    return texts;
}

bool flag_of(const json::object& object, std::string_view name) {
    const auto* found = find_member(object, name);
    return found != nullptr && found->is_bool() && found->as_bool();
}

std::int64_t integer_of(const json::object& object, std::string_view name) {
    const auto* found = find_member(object, name);
    return found != nullptr && found->is_int64() ? found->as_int64() : 0;
}

json::object credential_json(const hub::DeviceCredential& credential) {
    return {{"thumbprint", credential.thumbprint},
            {"primaryKey", credential.primary_key},
            {"secondaryKey", credential.secondary_key}};
}

std::optional<hub::DeviceCredential> credential_of(const json::object& object) {
    const auto* found = find_member(object, "credential");
    if (found == nullptr || !found->is_object()) return std::nullopt;
    const auto& from = found->as_object();
    return hub::DeviceCredential{string_or(from, "thumbprint"), string_or(from, "primaryKey"),
                                 string_or(from, "secondaryKey")};
}

json::object twin_json(const TwinCopy& twin) {
    return {{"tags", twin.tags},
            {"desired", twin.desired},
            {"reported", twin.reported},
            {"disabled", twin.disabled},
            {"statusReason", twin.status_reason}};
}

std::optional<FetchedTwin> fetched_of(const json::object& order) {
    const auto* found = find_member(order, "fetched");
    if (found == nullptr || !found->is_object()) return std::nullopt;
    const auto& in = found->as_object();
    FetchedTwin fetched{.twin = {}, .at = TimePoint(Micros(integer_of(in, "at")))};
    if (const auto* twin = find_member(in, "twin"); twin != nullptr && twin->is_object())
        fetched.twin = TwinCopy{string_or(twin->as_object(), "tags"), string_or(twin->as_object(), "desired"),
                                string_or(twin->as_object(), "reported"), flag_of(twin->as_object(), "disabled"),
                                string_or(twin->as_object(), "statusReason")};
    return fetched;
}

json::array shown_json(const std::vector<ShownCertificate>& shown) {
    json::array list;
    for (const auto& each : shown) list.push_back({{"serial", each.serial}, {"issuer", each.issuer}});
    return list;
}

std::vector<ShownCertificate> shown_of(const json::object& order) {
    std::vector<ShownCertificate> shown;
    const auto* found = find_member(order, "shown");
    if (found == nullptr || !found->is_array()) return shown;
    for (const auto& each : found->as_array())
        if (each.is_object())
            shown.push_back({string_or(each.as_object(), "serial"), string_or(each.as_object(), "issuer")});
    return shown;
}

Result<json::object> parse_own(std::string_view text) {
    auto parsed = parse_json_object(text);
    if (!parsed) return fail(parsed.error().wrap(Errc::internal, "an entry of the outbox"));
    return parsed;
}

}  // namespace

std::string AssignmentOrder::serialize() const {
    json::object out{{"hub", hub},
                     {"deviceId", device_id},
                     {"credential", credential_json(credential)},
                     {"edge", edge},
                     {"tags", tags},
                     {"desired", desired},
                     {"update", update},
                     {"migrate", migrate},
                     {"fromHub", from_hub},
                     {"fromDevice", from_device},
                     {"touched", to_array(touched)},
                     {"payload", payload},
                     {"fetches", fetches},
                     {"shown", shown_json(shown)},
                     {"peer", peer},
                     {"trackingId", tracking_id}};
    if (webhook) out["webhook"] = {{"url", webhook->url}, {"body", webhook->body}, {"hubs", to_array(webhook->hubs)}};
    if (fetched)
        out["fetched"] = {{"at", fetched->at.time_since_epoch().count()},
                          {"twin", fetched->twin ? json::value(twin_json(*fetched->twin)) : json::value(nullptr)}};
    return json::serialize(out);
}

Result<AssignmentOrder> AssignmentOrder::parse(std::string_view text) {
    MUSTER_TRY(const auto in, parse_own(text));
    AssignmentOrder order{.hub = string_or(in, "hub"),
                          .device_id = string_or(in, "deviceId"),
                          .credential = credential_of(in).value_or(hub::DeviceCredential{}),
                          .edge = flag_of(in, "edge"),
                          .tags = string_or(in, "tags"),
                          .desired = string_or(in, "desired"),
                          .update = flag_of(in, "update"),
                          .migrate = flag_of(in, "migrate"),
                          .from_hub = string_or(in, "fromHub"),
                          .from_device = string_or(in, "fromDevice"),
                          .touched = texts_of(in, "touched"),
                          .payload = string_or(in, "payload"),
                          .webhook = {},
                          .fetched = fetched_of(in),
                          .fetches = integer_of(in, "fetches"),
                          .shown = shown_of(in),
                          .peer = string_or(in, "peer"),
                          .tracking_id = string_or(in, "trackingId")};
    if (const auto* hook = find_member(in, "webhook"); hook != nullptr && hook->is_object())
        order.webhook = WebhookOrder{string_or(hook->as_object(), "url"), string_or(hook->as_object(), "body"),
                                     texts_of(hook->as_object(), "hubs")};
    return order;
}

AssignmentEffect effect_of(const AssignmentOrder& order) {
    if (order.from_hub.empty() || order.from_device != order.device_id)
        return {.moved = false, .twin = TwinEffect::keep, .substatus = "initialAssignment"};
    if (!equals_ignore_case(order.from_hub, order.hub)) {
        if (order.migrate) return {.moved = true, .twin = TwinEffect::migrate, .substatus = "deviceDataMigrated"};
        return {.moved = true, .twin = TwinEffect::reset, .substatus = "deviceDataReset"};
    }
    if (!order.update) return {.moved = false, .twin = TwinEffect::keep, .substatus = "initialAssignment"};
    return {.moved = false,
            .twin = order.migrate ? TwinEffect::keep : TwinEffect::reset,
            .substatus = "reprovisionedToInitialAssignment"};
}

const LinkedHub* twin_source(const AssignmentOrder& order, const HubList& hubs) {
    const auto effect = effect_of(order);
    if (!effect.moved || effect.twin != TwinEffect::migrate) return nullptr;
    const auto* from = hubs.find(order.from_hub);
    return from != nullptr && !from->own() ? from : nullptr;
}

std::string RemovalOrder::serialize() const {
    json::object out{{"hub", hub}, {"deviceId", device_id}, {"credentialAlone", credential_alone}};
    if (only_with) out["credential"] = credential_json(*only_with);
    return json::serialize(out);
}

Result<RemovalOrder> RemovalOrder::parse(std::string_view text) {
    MUSTER_TRY(const auto in, parse_own(text));
    return RemovalOrder{string_or(in, "hub"), string_or(in, "deviceId"), credential_of(in),
                        flag_of(in, "credentialAlone")};
}

std::string assignment_key(std::string_view registration_id) {
    return fmt::format("{}{}", assignment_prefix, to_lower(registration_id));
}

std::string removal_key(std::string_view hub, std::string_view device_id) {
    return fmt::format("remove/{}/{}", to_lower(hub), device_id);
}

// Of each certificate: the one that the hub knows may not be the last that was revoked.
std::string lock_out_key(std::string_view hub, std::string_view device_id, std::string_view thumbprint) {
    return fmt::format("lock/{}/{}/{}", to_lower(hub), device_id, thumbprint);
}

bool is_assignment_key(std::string_view key) {
    return key.starts_with(assignment_prefix);
}

std::string_view registration_of_key(std::string_view assignment_key) {
    return assignment_key.substr(assignment_prefix.size());
}

std::string hub_queue(std::string_view hub) {
    return fmt::format("{}{}", hub_prefix, to_lower(hub));
}

std::string webhook_queue(std::string_view url) {
    constexpr std::string_view scheme_end = "://";
    const auto scheme = url.find(scheme_end);
    const auto host = scheme == url.npos ? 0 : scheme + scheme_end.size();
    return fmt::format("webhook/{}", to_lower(url.substr(0, url.find_first_of("/?#", host))));
}

std::string_view hub_of_queue(std::string_view queue) {
    return queue.starts_with(hub_prefix) ? queue.substr(hub_prefix.size()) : std::string_view();
}

}  // namespace muster::provisioning
