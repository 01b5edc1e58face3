#include "edge/identityd/routes.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "base/text.h"
#include "edge/renewal/pair.h"
#include "edge/service/daemon.h"

namespace muster::edge::identityd {
namespace {

constexpr std::string_view first_version = "2020-09-01";
constexpr std::string_view second_version = "2021-12-01";  // provisioning information
constexpr std::string_view third_version = "2022-08-01";
constexpr std::size_t longest_module_id = 128;

Reply ok(json::value body) {
    return {200, std::move(body)};
}

constexpr std::string_view local_type = "local";

Result<> check_type(std::string_view type, std::string_view known = "aziot") {
    if (type == "aziot") return {};
    return fail(Errc::invalid_argument, "parameter \"type\" has an invalid value \"{}\"; known: {}",
                printable(type, 40), known);
}

Result<> check_query_type(const Call& call) {
    return check_type(call.request->parameter("type").value_or(""));
}

Result<> check_module_id(const std::string& id) {
    if (!id.empty() && id.size() <= longest_module_id && id.find_first_of("/ \t\r\n") == std::string::npos) return {};
    return fail(Errc::invalid_argument,
                "parameter \"moduleId\" has an invalid value: 1 to {} characters, no space, no slash",
                longest_module_id);
}

// certd keeps a local identity's certificate under the module's name: not in the place of the device's own, or of the
// one that is to follow it.
Result<> check_not_of_device(const std::string& module, const CredentialSettings& credential) {
    const auto* x509 = std::get_if<X509Settings>(&credential);
    if (x509 == nullptr) return {};
    const renewal::PairIds own{x509->certificate_id, x509->key_id};
    if (module != own.certificate && module != own.next_certificate()) return {};
    return fail(Error(Errc::invalid_argument,
                      fmt::format("parameter \"moduleId\" has an invalid value: \"{}\" is the device's own certificate",
                                  printable(module)))
                    .with_hint("give the local identity another name"));
}

}  // namespace

int status_of(const Error& error) {
    switch (error.code()) {
        case Errc::forbidden: return 401;
        case Errc::invalid_argument:
        case Errc::not_found: return 400;
        case Errc::internal:
        case Errc::io: return 500;
        default: return 404;
    }
}

Api::Api(Settings settings, Neighbours neighbours, Provisioner& provisioner, Modules& modules,
         boost::asio::io_context& cloud)
    : neighbours_(std::move(neighbours)),
      local_identities_(neighbours_.certificates),
      provisioner_(provisioner),
      modules_(modules),
      cloud_(cloud) {
    set_settings(std::move(settings));
}

void Api::set_settings(Settings settings) {
    auto fresh = std::make_shared<const Settings>(std::move(settings));
    const std::lock_guard lock(mutex_);
    settings_ = std::move(fresh);
}

std::shared_ptr<const Settings> Api::settings() const {
    const std::lock_guard lock(mutex_);
    return settings_;
}

Task<Result<json::object>> Api::describe_device() {
    MUSTER_CO_TRY(const auto identity, provisioner_.require_identity());
    const auto now = settings();
    MUSTER_CO_TRY(auto auth, co_await describe_credential(neighbours_, now->credential));
    json::object spec{{"hubName", identity.hub},
                      {"gatewayHost", identity.gateway},
                      {"deviceId", identity.device_id},
                      {"auth", std::move(auth)}};
    co_return json::object{{"type", "aziot"}, {"spec", std::move(spec)}};
}

Task<Result<Reply>> Api::own_identity(Call call) {
    MUSTER_CO_TRY(const auto principal, settings()->callers.host_process(call.uid));
    if (principal.has("module")) {
        MUSTER_CO_TRY(auto document, co_await continue_on(cloud_, modules_.get(principal.name)));
        co_return ok(std::move(document));
    }
    MUSTER_CO_CHECK(settings()->callers.check_device(call.uid));
    MUSTER_CO_TRY(auto document, co_await describe_device());
    co_return ok(std::move(document));
}

Task<Result<Reply>> Api::issue_local(std::string module, LocalOptions options) {
    const auto now = settings();
    if (!now->local_domain)
        co_return fail(Error(Errc::not_found, "there are no local identities on this device: [localid] is not set")
                           .with_hint("set domain in [localid] of /etc/aziot/config.toml, then run: iotedge config "
                                      "apply"));
    MUSTER_CO_CHECK(check_not_of_device(module, now->credential));
    auto name = fmt::format("{}.{}.{}", module, now->hostname, *now->local_domain);
    MUSTER_CO_TRY(auto document, co_await local_identities_.issue(std::move(module), std::move(name), options));
    co_return ok(std::move(document));
}

// For whoever is not among the principals, as the container runtime makes them for its modules.
Task<Result<Reply>> Api::create_local(Call call) {
    const auto now = settings();
    MUSTER_CO_CHECK(now->callers.check_daemon(call.uid, "create local identities"));
    auto module = call.text("moduleId");
    MUSTER_CO_CHECK(check_module_id(module));
    if (now->callers.local_options(module))
        co_return fail(Errc::invalid_argument,
                       "parameter \"moduleId\" has an invalid value: local identity for {} already exists",
                       printable(module));
    MUSTER_CO_TRY(const auto* given, optional_object(call.body, "localIdOpts"));
    LocalOptions options;
    if (given != nullptr) {
        MUSTER_CO_TRY(options, LocalOptions::from(*given));
    }
    co_return co_await issue_local(std::move(module), options);
}

Task<Result<Reply>> Api::get_local(Call call) {
    const auto& module = call.ids[0];
    const auto now = settings();
    MUSTER_CO_CHECK(now->callers.check_local(call.uid, module));
    const auto options = now->callers.local_options(module);
    if (!options)
        co_return fail(Errc::invalid_argument,
                       "parameter \"moduleId\" has an invalid value: local identity for {} doesn't exist",
                       printable(module));
    co_return co_await issue_local(module, *options);
}

Task<Result<Reply>> Api::device_identity(Call call) {
    MUSTER_CO_CHECK(check_type(call.text("type")));
    MUSTER_CO_CHECK(settings()->callers.check_device(call.uid));
    MUSTER_CO_TRY(auto document, co_await describe_device());
    co_return ok(std::move(document));
}

Task<Result<Reply>> Api::create_module(Call call) {
    if (call.text("type") == local_type) co_return co_await create_local(std::move(call));
    MUSTER_CO_CHECK(check_type(call.text("type"), "aziot, local"));
    MUSTER_CO_CHECK(settings()->callers.check_daemon(call.uid, "create module identities"));
    auto module = call.text("moduleId");
    MUSTER_CO_CHECK(check_module_id(module));
    MUSTER_CO_TRY(auto document, co_await continue_on(cloud_, modules_.create(std::move(module))));
    co_return ok(std::move(document));
}

Task<Result<Reply>> Api::list_modules(Call call) {
    MUSTER_CO_CHECK(check_query_type(call));
    MUSTER_CO_CHECK(settings()->callers.check_daemon(call.uid, "list module identities"));
    MUSTER_CO_TRY(auto documents, co_await continue_on(cloud_, modules_.list()));
    co_return ok(json::object{{"identities", std::move(documents)}});
}

Task<Result<Reply>> Api::get_module(Call call) {
    MUSTER_CO_CHECK(check_module_id(call.ids[0]));
    const auto type = call.request->parameter("type").value_or("");
    if (type == local_type) co_return co_await get_local(std::move(call));
    MUSTER_CO_CHECK(check_type(type, "aziot, local"));
    MUSTER_CO_CHECK(settings()->callers.check_module(call.uid, call.ids[0]));
    MUSTER_CO_TRY(auto document, co_await continue_on(cloud_, modules_.get(call.ids[0])));
    co_return ok(std::move(document));
}

Task<Result<Reply>> Api::update_module(Call call) {
    MUSTER_CO_CHECK(check_type(call.text("type")));
    MUSTER_CO_CHECK(check_module_id(call.ids[0]));
    MUSTER_CO_CHECK(settings()->callers.check_daemon(call.uid, "update module identities"));
    if (call.text("moduleId") != call.ids[0])
        co_return fail(Errc::invalid_argument, "parameter \"moduleId\" has an invalid value: path and body differ");
    MUSTER_CO_TRY(auto document, co_await continue_on(cloud_, modules_.update(call.ids[0])));
    co_return ok(std::move(document));
}

Task<Result<Reply>> Api::delete_module(Call call) {
    MUSTER_CO_CHECK(check_query_type(call));
    MUSTER_CO_CHECK(check_module_id(call.ids[0]));
    MUSTER_CO_CHECK(settings()->callers.check_daemon(call.uid, "delete module identities"));
    MUSTER_CO_CHECK(co_await continue_on(cloud_, modules_.remove(call.ids[0])));
    co_return Reply::no_content();
}

Task<Result<Reply>> Api::provisioning(Call call) {
    const auto now = settings();
    if (!now->callers.known(call.uid))
        co_return fail(Errc::forbidden, "user {} has no right to see the provisioning", call.uid);
    if (now->source == Source::none) co_return ok(json::object{{"source", "none"}});
    const bool x509 = std::holds_alternative<X509Settings>(now->credential);
    const bool tpm = std::holds_alternative<TpmSettings>(now->credential);
    if (now->source == Source::manual)
        co_return ok(json::object{{"source", "manual"}, {"auth", x509 ? "x509" : "sas"}});
    json::object body{{"source", "dps"},
                      {"auth", x509  ? "x509"
                               : tpm ? "tpm"
                                     : "symmetric_key"},
                      {"endpoint", now->dps.global_endpoint},
                      {"scope_id", now->dps.scope_id}};
    // Without one in the settings it is the certificate's common name, and DPS may have named the device otherwise.
    if (now->dps.registration_id) body["registration_id"] = *now->dps.registration_id;
    if (now->dps.payload) body["payload"] = "file://" + now->dps.payload->string();
    co_return ok(std::move(body));
}

Task<Result<Reply>> Api::reprovision(Call call) {
    MUSTER_CO_CHECK(check_type(call.text("type")));
    MUSTER_CO_CHECK(settings()->callers.check_daemon(call.uid, "provision the device again"));
    MUSTER_CO_CHECK(co_await continue_on(cloud_, provisioner_.reprovision()));
    boost::asio::co_spawn(cloud_, modules_.reconcile(settings()->callers.module_names()), boost::asio::detached);
    co_return Reply::no_content();
}

// The original answers with an empty one; what the device trusts is known to certd.
Task<Result<Reply>> Api::trust_bundle(Call) {
    const auto pem = co_await neighbours_.certificates.load("aziot-edged-trust-bundle");
    co_return ok(json::object{{"certificate", pem.value_or("")}});
}

std::unique_ptr<Router> Api::make_router(Admission::Limits limits) {
    const auto bind = [this](Task<Result<Reply>> (Api::*route)(Call)) -> RouteHandler {
        return [this, route](Call call) { return (this->*route)(std::move(call)); };
    };
    const Member type{"type"}, module_id{"moduleId"};
    const Member options{"localIdOpts", Member::Kind::object, false};
    std::vector<Route> routes{
        {"GET", "/identities/identity", first_version, {}, bind(&Api::own_identity)},
        {"POST", "/identities/device", first_version, {type}, bind(&Api::device_identity)},
        {"POST", "/identities/modules", first_version, {type, module_id, options}, bind(&Api::create_module)},
        {"GET", "/identities/modules", first_version, {}, bind(&Api::list_modules)},
        {"GET", "/identities/modules/{}", first_version, {}, bind(&Api::get_module)},
        {"PUT", "/identities/modules/{}", first_version, {type, module_id, options}, bind(&Api::update_module)},
        {"DELETE", "/identities/modules/{}", first_version, {}, bind(&Api::delete_module)},
        {"GET", "/identities/provisioning", second_version, {}, bind(&Api::provisioning)},
        {"POST", "/identities/device/reprovision", first_version, {type}, bind(&Api::reprovision)},
        {"GET", "/trust-bundle", first_version, {}, bind(&Api::trust_bundle)},
    };
    return std::make_unique<Router>(std::vector{first_version, second_version, third_version}, std::move(routes),
                                    status_of, limits);
}

}  // namespace muster::edge::identityd
