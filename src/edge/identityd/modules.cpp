#include "edge/identityd/modules.h"

#include "base/log.h"
#include "base/text.h"
#include "edge/service/daemon.h"

namespace muster::edge::identityd {
namespace {

constexpr std::string_view master_key = "aziot_identityd_master_id";
constexpr std::chrono::seconds first_pause{5};
constexpr std::chrono::seconds longest_pause{300};

// The hub cannot be asked: what is remembered must do.
bool out_of_reach(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout;
}

std::unexpected<Error> no_such_module(const std::string& module) {
    return fail(Errc::conflict, "module identity not found: the hub has no module \"{}\" of this device",
                printable(module));
}

}  // namespace

Task<Result<Modules::Session>> Modules::open(std::function<void()> refused) {
    MUSTER_CO_TRY(auto identity, provisioner_.require_identity());
    const auto& settings = provisioner_.settings();
    MUSTER_CO_TRY(auto credential, co_await load_credential(neighbours_, settings.credential));
    MUSTER_CO_TRY(auto client, CloudClient::create(hub_target(identity), std::move(credential), settings.cloud));
    Session session;
    session.hub =
        std::make_unique<HubClient>(std::move(client), identity.device_id, settings.cloud.retries, std::move(refused));
    session.identity = std::move(identity);
    co_return session;
}

Task<Result<bool>> Modules::known_to_hub() {
    MUSTER_CO_TRY(auto session, co_await open({}));
    co_return co_await session.hub->knows_device();
}

// keyd derives from a key that never leaves it: HMAC-SHA256(master, "{moduleId}:{generationId}:primary").
Task<Result<Secret>> Modules::derive(std::string module, std::string generation, std::string which) {
    MUSTER_CO_TRY(auto master, co_await neighbours_.keys.create_key(std::string(master_key)));
    auto data = fmt::format("{}:{}:{}", module, generation, which);
    MUSTER_CO_TRY(auto handle, co_await neighbours_.keys.derive(std::move(master), std::move(data)));
    co_return co_await neighbours_.keys.export_derived(std::move(handle));
}

Task<Result<std::string>> Modules::key_handle(const HubModule& module) {
    MUSTER_CO_TRY(auto master, co_await neighbours_.keys.create_key(std::string(master_key)));
    auto data = fmt::format("{}:{}:primary", module.module_id, module.generation_id);
    co_return co_await neighbours_.keys.derive(std::move(master), std::move(data));
}

Task<Result<json::object>> Modules::describe(const DeviceIdentity& identity, const HubModule& module) {
    json::object spec{{"hubName", identity.hub},
                      {"gatewayHost", identity.gateway},
                      {"deviceId", identity.device_id},
                      {"moduleId", module.module_id},
                      {"genId", module.generation_id}};
    if (module.auth_type == "sas") {
        auto handle = co_await key_handle(module);
        if (!handle) co_return fail(handle.error().wrap(Errc::unavailable, "no key for the module's identity"));
        spec["auth"] = json::object{{"type", "sas"}, {"keyHandle", std::move(*handle)}};
    }
    co_return json::object{{"type", "aziot"}, {"spec", std::move(spec)}};
}

Task<Result<HubModule>> Modules::give_keys(Session& session, HubModule module) {
    auto primary = co_await derive(module.module_id, module.generation_id, "primary");
    if (!primary) co_return fail(primary.error().wrap(Errc::unavailable, "no keys for the module"));
    auto secondary = co_await derive(module.module_id, module.generation_id, "secondary");
    if (!secondary) co_return fail(secondary.error().wrap(Errc::unavailable, "no keys for the module"));
    MUSTER_CO_TRY(auto updated,
                  co_await session.hub->update(std::move(module), std::move(*primary), std::move(*secondary)));
    updated.auth_type = "sas";
    MUSTER_CO_CHECK(state_.save_module(session.identity, updated));
    co_return updated;
}

// Two calls, since the keys depend on the generation id that the first one brings.
Task<Result<HubModule>> Modules::ensure(Session& session, std::string module) {
    MUSTER_CO_TRY(auto made, co_await session.hub->create(module));
    if (!made) {
        MUSTER_CO_TRY(made, co_await session.hub->find(module));
        if (!made) co_return no_such_module(module);
    }
    co_return co_await give_keys(session, std::move(*made));
}

Task<Result<json::object>> Modules::create(std::string module) {
    MUSTER_CO_TRY(auto session, co_await open());
    MUSTER_CO_TRY(const auto made, co_await ensure(session, module));
    log::info("module identity created", {{"moduleId", printable(module)}});
    co_return co_await describe(session.identity, made);
}

Task<Result<json::object>> Modules::update(std::string module) {
    MUSTER_CO_TRY(auto session, co_await open());
    MUSTER_CO_TRY(auto found, co_await session.hub->find(module));
    if (!found) co_return no_such_module(module);
    MUSTER_CO_TRY(const auto updated, co_await give_keys(session, std::move(*found)));
    co_return co_await describe(session.identity, updated);
}

Task<Result<HubModule>> Modules::look_up(std::string module) {
    MUSTER_CO_TRY(auto session, co_await open());
    MUSTER_CO_TRY(auto found, co_await session.hub->find(module));
    if (!found) {
        MUSTER_CO_CHECK(state_.remove_module(session.identity, module));
        co_return no_such_module(module);
    }
    MUSTER_CO_CHECK(state_.save_module(session.identity, *found));
    co_return std::move(*found);
}

Task<Result<json::object>> Modules::get(std::string module) {
    MUSTER_CO_TRY(const auto identity, provisioner_.require_identity());
    const auto remembered = state_.load_module(identity, module);
    if (remembered && provisioner_.settings().prefer_module_identity_cache)
        co_return co_await describe(identity, *remembered);
    auto found = co_await look_up(module);
    if (found) co_return co_await describe(identity, *found);
    if (!remembered || !out_of_reach(found.error())) co_return fail(std::move(found).error());
    log::warn("the hub cannot be asked; using the remembered module",
              {{"moduleId", module}, {"error", found.error().chain()}});
    co_return co_await describe(identity, *remembered);
}

Task<Result<std::vector<HubModule>>> Modules::list_on_hub() {
    MUSTER_CO_TRY(auto session, co_await open());
    co_return co_await session.hub->list();
}

Task<Result<json::array>> Modules::list() {
    MUSTER_CO_TRY(const auto identity, provisioner_.require_identity());
    auto modules = co_await list_on_hub();
    if (!modules) {
        auto remembered = state_.load_modules(identity);
        // Nothing remembered is not the same as no modules: the caller would make them all again.
        if (!out_of_reach(modules.error()) || remembered.empty()) co_return fail(std::move(modules).error());
        log::warn("the hub cannot be asked; using the remembered modules", {{"error", modules.error().chain()}});
        modules = std::move(remembered);
    }
    json::array documents;
    for (const auto& module : *modules) {
        MUSTER_CO_TRY(auto document, co_await describe(identity, module));
        documents.push_back(std::move(document));
    }
    co_return documents;
}

Task<Result<>> Modules::remove(std::string module) {
    MUSTER_CO_TRY(auto session, co_await open());
    MUSTER_CO_CHECK(co_await session.hub->remove(module));
    log::info("module identity deleted", {{"moduleId", printable(module)}});
    co_return state_.remove_module(session.identity, module);
}

Task<Result<>> Modules::reconcile_once(const std::vector<std::string>& names) {
    const auto before = state_.load_module_names();
    MUSTER_CO_TRY(const auto identity, provisioner_.require_identity());
    const auto contains = [](const auto& list, const auto& name) {
        return std::ranges::find(list, name) != list.end();
    };
    for (const auto& name : before) {
        if (contains(names, name)) continue;
        MUSTER_CO_CHECK(co_await remove(name));
    }
    for (const auto& name : names) {
        if (state_.load_module(identity, name)) continue;
        MUSTER_CO_CHECK(co_await create(name));
    }
    if (before == names) co_return Result<>{};
    co_return state_.save_module_names(names);
}

Task<> Modules::reconcile(std::vector<std::string> names) {
    next_names_ = std::move(names);
    names_changed_.ring();
    if (reconciling_) co_return;
    reconciling_ = true;
    auto pause = first_pause;
    while (next_names_) {
        const auto now = *std::exchange(next_names_, std::nullopt);
        const auto done = co_await reconcile_once(now);
        if (done) continue;
        log::warn("the principals' module identities are not all there yet", {{"error", line_of(done.error())}});
        co_await names_changed_.wait(pause);
        pause = std::min(pause * 2, longest_pause);
        if (!next_names_) next_names_ = now;
    }
    reconciling_ = false;
}

}  // namespace muster::edge::identityd
