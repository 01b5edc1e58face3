#include "edge/identityd/state.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "edge/service/settings.h"
#include "edge/service/state_files.h"
#include "pki/key.h"

namespace muster::edge::identityd {
namespace {

Result<DeviceIdentity> parse_identity(const std::string& text, const std::string& source) {
    MUSTER_TRY(const auto object, parse_toml(text, source));
    DeviceIdentity identity;
    MUSTER_TRY(identity.hub, required_string(object, "hub_name"));
    MUSTER_TRY(identity.device_id, required_string(object, "device_id"));
    identity.gateway = string_or(object, "local_gateway_hostname", identity.hub);
    identity.provisioned_with = string_or(object, "provisioned_with");
    if (identity.hub.empty() || identity.device_id.empty())
        return fail(Errc::invalid_argument, "{}: hub_name or device_id is empty", source);
    return identity;
}

std::optional<HubModule> parse_module(const std::string& text) {
    const auto object = parse_json_object(text);
    if (!object) return std::nullopt;
    HubModule module{string_or(*object, "moduleId"), string_or(*object, "deviceId"), string_or(*object, "generationId"),
                     string_or(*object, "managedBy"), "none"};
    const auto authentication = optional_object(*object, "authentication");
    if (authentication && *authentication != nullptr) module.auth_type = string_or(**authentication, "type", "none");
    if (module.module_id.empty() || module.generation_id.empty()) return std::nullopt;
    return module;
}

std::string describe(const HubModule& module) {
    json::object object{{"moduleId", module.module_id},
                        {"deviceId", module.device_id},
                        {"generationId", module.generation_id},
                        {"authentication", json::object{{"type", module.auth_type}}}};
    if (!module.managed_by.empty()) object["managedBy"] = module.managed_by;
    return json::serialize(object);
}

bool is_there(const std::filesystem::path& path) {
    std::error_code error;
    return std::filesystem::exists(path, error);
}

}  // namespace

Result<DeviceIdentity> read_identity(const std::filesystem::path& home) {
    const auto path = home / "device_info";
    if (!is_there(path)) return fail(Errc::not_found, "there is no {}", path.string());
    MUSTER_TRY(const auto text, read_file(path));
    return parse_identity(text, path.string());
}

Result<State> State::open(std::filesystem::path home) {
    MUSTER_CHECK(make_directories(home, 0700));
    sweep_interrupted_writes(home);
    return State(std::move(home));
}

std::optional<DeviceIdentity> State::load_identity() const {
    auto identity = read_identity(home_);
    if (identity) return std::move(*identity);
    if (identity.error().code() == Errc::not_found) return std::nullopt;
    log::error("the stored identity cannot be read; provisioning again", {{"error", identity.error().chain()}});
    return std::nullopt;
}

Result<> State::save_identity(const DeviceIdentity& identity) const {
    const json::object object{{"hub_name", identity.hub},
                              {"local_gateway_hostname", identity.gateway},
                              {"device_id", identity.device_id},
                              {"provisioned_with", identity.provisioned_with}};
    return write_file_atomic(home_ / "device_info", to_toml(object), 0600);
}

std::vector<std::string> State::load_module_names() const {
    std::vector<std::string> names;
    const auto path = home_ / "prev_state";
    if (!is_there(path)) return names;
    const auto text = read_file(path);
    const auto object = text ? parse_toml(*text, path.string()) : fail(text.error());
    const auto* principals = object ? find_member(*object, "principal") : nullptr;
    if (principals == nullptr || !principals->is_array()) return names;
    for (const auto& entry : principals->get_array()) {
        if (!entry.is_object()) continue;
        const auto* types = find_member(entry.get_object(), "idtype");
        const bool module = types != nullptr && types->is_array() &&
                            std::ranges::find(types->get_array(), json::value("module")) != types->get_array().end();
        if (module) names.push_back(string_or(entry.get_object(), "name"));
    }
    return names;
}

Result<> State::save_module_names(const std::vector<std::string>& names) const {
    json::array principals;
    for (const auto& name : names)
        principals.push_back(json::object{{"name", name}, {"idtype", json::array{"module"}}});
    return write_file_atomic(home_ / "prev_state", to_toml({{"principal", std::move(principals)}}), 0600);
}

std::filesystem::path State::modules_of(const DeviceIdentity& identity) const {
    const auto hash = [](std::string_view text) { return hex_encode(pki::sha256(as_bytes(text))); };
    return home_ / "modules" / fmt::format("{}-{}", hash(identity.hub), hash(identity.device_id));
}

std::optional<HubModule> State::load_module(const DeviceIdentity& identity, const std::string& module) const {
    const auto path = modules_of(identity) / stored_name(module);
    if (!is_there(path)) return std::nullopt;
    const auto text = read_file(path);
    return text ? parse_module(*text) : std::nullopt;
}

std::vector<HubModule> State::load_modules(const DeviceIdentity& identity) const {
    std::vector<HubModule> modules;
    std::error_code error;
    for (std::filesystem::directory_iterator at(modules_of(identity), error), end; !error && at != end;
         at.increment(error)) {
        const auto text = read_file(at->path());
        auto module = text ? parse_module(*text) : std::nullopt;
        if (module) modules.push_back(std::move(*module));
    }
    std::ranges::sort(modules, {}, &HubModule::module_id);
    return modules;
}

Result<> State::save_module(const DeviceIdentity& identity, const HubModule& module) const {
    MUSTER_CHECK(make_directories(modules_of(identity), 0700));
    return write_file_atomic(modules_of(identity) / stored_name(module.module_id), describe(module), 0600);
}

Result<> State::remove_module(const DeviceIdentity& identity, const std::string& module) const {
    if (!is_there(modules_of(identity))) return {};
    return remove_file(modules_of(identity) / stored_name(module));
}

}  // namespace muster::edge::identityd
