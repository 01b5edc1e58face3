#include "edge/identityd/hub.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/identityd/cloud_answer.h"
#include "edge/identityd/wait.h"

namespace muster::edge::identityd {
namespace {

constexpr std::string_view api_version = "2017-11-08-preview";
constexpr std::chrono::seconds pause_between_tries{3};
constexpr std::chrono::seconds longest_throttle{30};

Result<HubModule> read_module(const net::HttpResponse& response) {
    MUSTER_TRY(const auto body, parse_json(response.body));
    return read_hub_module(body);
}

bool denied(const net::HttpResponse& response) {
    return response.status == 401 || response.status == 403;
}

}  // namespace

Result<HubModule> read_hub_module(const json::value& value) {
    if (!value.is_object()) return fail(Errc::conflict, "the hub gave a module that is not an object");
    const auto& object = value.get_object();
    HubModule module{string_or(object, "moduleId"), string_or(object, "deviceId"), string_or(object, "generationId"),
                     string_or(object, "managedBy"), "none"};
    if (module.module_id.empty() || module.generation_id.empty())
        return fail(Errc::conflict, "the hub gave a module without moduleId or generationId");
    const auto authentication = optional_object(object, "authentication");
    if (!authentication || *authentication == nullptr) return module;
    const auto type = string_or(**authentication, "type", "none");
    module.auth_type = type == "sas" || type == "none" ? type : "x509";
    return module;
}

CloudTarget hub_target(const DeviceIdentity& identity) {
    return {"https://" + identity.gateway,
            fmt::format("{}/devices/{}", identity.hub, identity.device_id),
            {},
            identity.gateway != identity.hub};
}

std::string HubClient::path_of(std::string_view module) const {
    const auto modules = fmt::format("/devices/{}/modules", percent_encode(device_id_));
    if (module.empty()) return fmt::format("{}?api-version={}", modules, api_version);
    return fmt::format("{}/{}?api-version={}", modules, percent_encode(module), api_version);
}

Task<Result<net::HttpResponse>> HubClient::send(std::string method, std::string path, json::object body,
                                                bool any_version) {
    for (unsigned tries = 0;; ++tries) {
        net::HttpRequest request;
        request.method = method;
        request.target = path;
        request.headers.add("Accept", "application/json");
        if (any_version) request.headers.add("If-Match", "*");
        if (method == "PUT") {
            request.headers.add("Content-Type", "application/json");
            request.body = json::serialize(body);
        }
        auto response = co_await client_->send(std::move(request));
        std::chrono::seconds pause = pause_between_tries;
        if (response && !passing_fault(*response)) {
            if (denied(*response) && refused_) refused_();
            co_return response;
        }
        if (response) pause = std::min(retry_after(*response).value_or(pause), longest_throttle);
        auto error = response ? refusal("the hub is busy", *response) : response.error();
        const bool worth_it =
            error.code() == Errc::unavailable || error.code() == Errc::timeout || error.code() == Errc::throttled;
        if (!worth_it || tries >= retries_) co_return fail(std::move(error));
        log::warn("the hub cannot be reached; trying again", {{"error", error.chain()}});
        co_await wait_for(pause);
    }
}

Task<Result<bool>> HubClient::knows_device() {
    MUSTER_CO_TRY(const auto response, co_await send("GET", path_of({}), {}, false));
    if (response.status == 200) co_return true;
    if (denied(response) || response.status == 404) co_return false;
    co_return fail(refusal("the hub refused to list the modules", response));
}

Task<Result<std::vector<HubModule>>> HubClient::list() {
    MUSTER_CO_TRY(const auto response, co_await send("GET", path_of({}), {}, false));
    if (response.status != 200) co_return fail(refusal("the hub refused to list the modules", response));
    MUSTER_CO_TRY(const auto body, parse_json(response.body));
    if (!body.is_array()) co_return fail(Errc::conflict, "the hub gave a list of modules that is not a list");
    std::vector<HubModule> modules;
    for (const auto& value : body.get_array()) {
        MUSTER_CO_TRY(auto module, read_hub_module(value));
        modules.push_back(std::move(module));
    }
    co_return modules;
}

Task<Result<std::optional<HubModule>>> HubClient::find(std::string module) {
    MUSTER_CO_TRY(const auto response, co_await send("GET", path_of(module), {}, false));
    if (response.status == 404) co_return std::optional<HubModule>();
    if (response.status != 200)
        co_return fail(refusal(fmt::format("the hub refused to show the module \"{}\"", module), response));
    MUSTER_CO_TRY(auto found, read_module(response));
    co_return std::optional(std::move(found));
}

Task<Result<std::optional<HubModule>>> HubClient::create(std::string module) {
    json::object body{{"moduleId", module}, {"deviceId", device_id_}};
    MUSTER_CO_TRY(const auto response, co_await send("PUT", path_of(module), std::move(body), false));
    if (response.status == 409) co_return std::optional<HubModule>();
    if (response.status != 200 && response.status != 201)
        co_return fail(refusal(fmt::format("the hub refused to create the module \"{}\"", module), response));
    MUSTER_CO_TRY(auto made, read_module(response));
    co_return std::optional(std::move(made));
}

Task<Result<HubModule>> HubClient::update(HubModule module, Secret primary_key, Secret secondary_key) {
    json::object keys{{"primaryKey", base64_encode(primary_key.bytes())},
                      {"secondaryKey", base64_encode(secondary_key.bytes())}};
    json::object authentication{{"type", "sas"}, {"symmetricKey", std::move(keys)}};
    json::object body{{"moduleId", module.module_id},
                      {"deviceId", device_id_},
                      {"generationId", module.generation_id},
                      {"authentication", std::move(authentication)}};
    if (!module.managed_by.empty()) body["managedBy"] = module.managed_by;
    MUSTER_CO_TRY(const auto response, co_await send("PUT", path_of(module.module_id), std::move(body), true));
    if (response.status != 200)
        co_return fail(refusal(fmt::format("the hub refused to update the module \"{}\"", module.module_id), response));
    MUSTER_CO_TRY(auto updated, read_module(response));
    if (updated.generation_id != module.generation_id)
        co_return fail(Errc::conflict, "the module \"{}\" was replaced on the hub meanwhile; try again",
                       module.module_id);
    co_return updated;
}

Task<Result<>> HubClient::remove(std::string module) {
    MUSTER_CO_TRY(const auto response, co_await send("DELETE", path_of(module), {}, true));
    if (response.status == 204 || response.status == 200 || response.status == 404) co_return Result<>{};
    co_return fail(refusal(fmt::format("the hub refused to delete the module \"{}\"", module), response));
}

}  // namespace muster::edge::identityd
