#include "provisioning/webhook.h"

#include "base/text.h"
#include "pki/key.h"
#include "provisioning/attestation_json.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

constexpr std::size_t longest_url = 2048;
constexpr std::size_t largest_payload = 64 * 1024;

json::value text_or_null(std::string_view text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::object runtime_context(const WebhookQuestion& question, const json::object& enrollment) {
    json::object context{{"registrationId", question.device.registration_id},
                         {"currentIotHubHostName", text_or_null(question.current_hub)},
                         {"currentDeviceId", text_or_null(question.current_device)},
                         {"payload", question.payload != nullptr ? *question.payload : json::value(nullptr)}};
    const json::object none;
    const auto* member = find_member(enrollment, "attestation");
    const auto& attestation = member != nullptr && member->is_object() ? member->as_object() : none;
    if (string_or(attestation, "type") == "tpm") {
        context["tpm"] = attestation.contains("tpm") ? attestation.at("tpm") : json::object();
    } else if (question.device.authorization.empty() && !question.device.chain.empty()) {
        context["x509"] = {{"certificateInfo", certificate_info(question.device.chain.front())}};
    } else {
        context["symmetricKey"] = json::object();
    }
    return context;
}

}  // namespace

Result<> check_webhook_url(std::string_view url) {
    constexpr std::string_view scheme = "https://";
    const auto wrong = [&](std::string_view what) {
        return fail(bad_body(fmt::format("customAllocationDefinition.webhookUrl {}", what)));
    };
    if (url.size() > longest_url) return wrong(fmt::format("has more than {} bytes", longest_url));
    if (!starts_with_ignore_case(url, scheme)) return wrong("must begin with https://");
    const auto rest = url.substr(scheme.size());
    if (rest.empty() || rest.front() == '/' || rest.front() == ':') return wrong("names no host");
    for (const char c : url)
        if (c <= ' ' || c > '~') return wrong("holds characters that must be percent-encoded");
    return {};
}

json::object webhook_request(const WebhookQuestion& question) {
    const auto* member = question.kind == EnrollmentKind::individual ? "individualEnrollment" : "enrollmentGroup";
    auto enrollment = enrollment_to_json(question.enrollment);
    auto context = runtime_context(question, enrollment);
    return {{member, std::move(enrollment)},
            {"deviceRuntimeContext", std::move(context)},
            {"linkedHubs", json::array(question.hubs.begin(), question.hubs.end())}};
}

Result<WebhookAnswer> read_webhook_answer(std::string_view body, const std::vector<std::string>& hubs) {
    MUSTER_TRY(const auto answer, parse_json_object(body));
    MUSTER_TRY(const auto name, required_string(answer, "iotHubHostName"));
    const auto hub = std::ranges::find_if(hubs, [&](const auto& offered) { return equals_ignore_case(offered, name); });
    if (hub == hubs.end())
        return fail(Errc::invalid_argument, "\"iotHubHostName\" is '{}', which is none of the hubs it was offered: {}",
                    printable(name), join(hubs, ", "));
    WebhookAnswer out{.hub = *hub, .initial_twin = {}, .payload = {}};
    MUSTER_TRY(const auto twin, initial_twin_from_json(answer));
    if (twin.is_object()) out.initial_twin = twin_sections(twin.as_object());
    if (const auto* payload = find_member(answer, "payload"); payload != nullptr) {
        out.payload = json::serialize(*payload);
        if (out.payload.size() > largest_payload)
            return fail(Errc::too_large, "\"payload\" has more than {} bytes", largest_payload);
    }
    return out;
}

std::string webhook_signature(ByteView key, TimePoint now, std::string_view body) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    const auto signed_text = fmt::format("{}.{}", seconds, body);
    return fmt::format("t={},v1={}", seconds, hex_encode(pki::hmac_sha256(key, as_bytes(signed_text))));
}

}  // namespace muster::provisioning
