#include "edge/identityd/provisioner.h"

#include "base/file.h"
#include "base/log.h"
#include "edge/identityd/dps.h"
#include "edge/identityd/hub.h"
#include "edge/identityd/tpm_credential.h"
#include "edge/service/daemon.h"

namespace muster::edge::identityd {
namespace {

// Names what led to an identity: another endpoint, scope, registration or kind of credential means another identity.
std::string fingerprint(const Settings& settings, const std::string& registration_id) {
    auto text = fmt::format("{}\n{}\n{}", settings.dps.global_endpoint, settings.dps.scope_id, registration_id);
    if (std::holds_alternative<SharedKeySettings>(settings.credential)) text += "\nsymmetric_key";
    if (std::holds_alternative<TpmSettings>(settings.credential)) text += "\ntpm";
    return hex_encode(pki::sha256(as_bytes(text)));
}

DeviceIdentity manual_identity(const Settings& settings) {
    return {settings.manual.hub, settings.gateway.value_or(settings.manual.hub), settings.manual.device_id, "manual"};
}

Result<std::string> registration_id_of(const Settings& settings, const Credential& credential) {
    if (settings.dps.registration_id) return *settings.dps.registration_id;
    if (auto implied = credential.registration_id(); !implied.empty()) return implied;
    return fail(Error(Errc::conflict,
                      "no registration_id in the settings, and the certificate has no common name to take it from")
                    .with_hint("set registration_id in [provisioning.attestation] of /etc/aziot/config.toml, then run: "
                               "iotedge config apply"));
}

Result<std::optional<json::value>> read_payload(const DpsSettings& dps) {
    if (!dps.payload) return std::nullopt;
    auto text = read_file(*dps.payload, 96 * 1024);
    auto payload = text ? parse_json(*text) : fail(text.error());
    if (!payload)
        return fail(payload.error().wrap(Errc::conflict, "the provisioning payload " + dps.payload->string()));
    return std::move(*payload);
}

// Says what the failure of a call means here, and what mends it.
Error advise(const Error& error, const DpsSettings& dps) {
    // What is said by DPS, or of the TPM, says it all, whatever words it has in it.
    if (error.message().starts_with("DPS") || error.message().starts_with("the TPM")) return error;
    if (error.message().find("is this machine's clock right") != std::string::npos)
        return error.wrap("DPS cannot be trusted").with_hint("set this device's clock: timedatectl set-ntp true");
    if (error.message().find("is not trusted") != std::string::npos)
        return error.wrap("DPS cannot be trusted")
            .with_hint(
                "save the service's CA (on the server: muster trust) and name it in [provisioning] of "
                "/etc/aziot/config.toml: global_endpoint_ca = \"file:///...\", then run: iotedge config apply");
    const bool away = error.code() == Errc::unavailable || error.code() == Errc::timeout;
    if (!away) return error;
    return error.wrap(fmt::format("DPS at {} cannot be reached", dps.global_endpoint))
        .with_hint("look at the network, and at global_endpoint in [provisioning] of /etc/aziot/config.toml");
}

}  // namespace

Provisioner::Provisioner(const State& state, Neighbours neighbours, Settings settings, Random& random, Pace pace)
    : state_(state),
      neighbours_(std::move(neighbours)),
      settings_(std::move(settings)),
      random_(random),
      pace_(pace),
      trouble_("provisioning has not finished yet") {
    switch (settings_.source) {
        case Source::none:
            trouble_ = "provisioning.source is \"none\": this device has no identity in the cloud";
            break;
        case Source::manual: identity_ = manual_identity(settings_); break;
        case Source::dps: identity_ = state.load_identity(); break;
    }
}

std::optional<DeviceIdentity> Provisioner::identity() const {
    const std::lock_guard lock(mutex_);
    return identity_;
}

std::string Provisioner::trouble() const {
    const std::lock_guard lock(mutex_);
    return trouble_;
}

Result<DeviceIdentity> Provisioner::require_identity() const {
    if (auto found = identity()) return std::move(*found);
    return fail(Error(Errc::not_found, trouble()).wrap("device identity not found"));
}

void Provisioner::adopt(const DeviceIdentity& identity) {
    const std::lock_guard lock(mutex_);
    identity_ = identity;
    trouble_.clear();
}

void Provisioner::note_trouble(const Error& error) {
    const std::lock_guard lock(mutex_);
    trouble_ = line_of(error);
}

void Provisioner::set_settings(Settings settings) {
    settings_ = std::move(settings);
}

// An identity of the original runtime does not say how it was come by, and is taken as it is. So is one that cannot be
// judged because certd or keyd does not answer: better the last identity than none.
Task<bool> Provisioner::stored_identity_fits() {
    const auto stored = identity();
    if (!stored) co_return false;
    if (stored->provisioned_with.empty()) co_return true;
    if (settings_.dps.registration_id)
        co_return stored->provisioned_with == fingerprint(settings_, *settings_.dps.registration_id);
    const auto credential = co_await load_credential(neighbours_, settings_.credential);
    if (!credential) {
        log::warn("the stored identity is used unchecked", {{"error", credential.error().chain()}});
        co_return true;
    }
    co_return stored->provisioned_with == fingerprint(settings_, (*credential)->registration_id());
}

Task<Result<DeviceIdentity>> Provisioner::register_device(CredentialPtr credential) {
    const auto dps = settings_.dps;
    Registration registration;
    registration.scope_id = dps.scope_id;
    MUSTER_CO_TRY(registration.registration_id, registration_id_of(settings_, *credential));
    registration.retries = settings_.cloud.retries;
    registration.bound = pace_.attempt;
    MUSTER_CO_TRY(registration.payload, read_payload(dps));
    log::info("provisioning", {{"endpoint", dps.global_endpoint},
                               {"scopeId", dps.scope_id},
                               {"registrationId", registration.registration_id}});
    auto led_here = fingerprint(settings_, registration.registration_id);
    const bool by_tpm = std::holds_alternative<TpmSettings>(settings_.credential);
    TpmChallenge challenge;
    if (by_tpm) {
        auto met = co_await meet_challenge(neighbours_.tpm, dps.global_endpoint, registration, settings_.cloud);
        if (!met) co_return fail(advise(met.error(), dps));
        challenge = std::move(*met);
        credential = challenge.credential;
    }
    MUSTER_CO_TRY(auto cloud, CloudClient::create(dps_target(dps.global_endpoint, registration), std::move(credential),
                                                  settings_.cloud));
    DpsClient client(std::move(cloud), std::move(registration));
    auto assignment = co_await client.run();
    wish_ = client.wait_wish();
    if (!assignment) co_return fail(advise(assignment.error(), dps));
    if (by_tpm) MUSTER_CO_CHECK(co_await keep_tpm_key(neighbours_.tpm, *assignment, std::move(challenge)));
    co_return DeviceIdentity{assignment->hub, assignment->hub, assignment->device_id, std::move(led_here)};
}

Task<Result<>> Provisioner::attempt(CredentialPtr credential) {
    const auto begun = std::chrono::steady_clock::now();
    wish_.reset();
    if (!credential) {
        MUSTER_CO_TRY(credential, co_await load_credential(neighbours_, settings_.credential));
    }
    MUSTER_CO_TRY(const auto fresh, co_await register_device(std::move(credential)));
    // Stored before anyone hears of it. A full disk does not take the identity away; the next start without it
    // registers again.
    if (const auto saved = state_.save_identity(fresh); !saved)
        log::error("the identity could not be stored", {{"error", line_of(saved.error())}});
    adopt(fresh);
    const auto took = std::chrono::steady_clock::now() - begun;
    log::info("provisioned", {{"deviceId", fresh.device_id},
                              {"hub", fresh.hub},
                              {"seconds", fmt::format("{:.1f}", std::chrono::duration<double>(took).count())}});
    co_return Result<>{};
}

Task<Result<>> Provisioner::attempt_contained(CredentialPtr credential) {
    try {
        co_return co_await attempt(std::move(credential));
    } catch (const std::exception& defect) {
        co_return fail(Errc::internal, "unexpected: {}", defect.what());
    }
}

Task<Result<>> Provisioner::reprovision() {
    if (settings_.source == Source::none) co_return fail(Error(Errc::not_found, trouble()));
    if (settings_.source == Source::manual) {
        adopt(manual_identity(settings_));
        co_return state_.save_identity(manual_identity(settings_));
    }
    if (running_) {
        while (running_) co_await attempt_ended_.wait(std::chrono::hours(1));
        co_return *last_result_;
    }
    auto result = co_await one_attempt(nullptr);
    if (!result) {
        note_trouble(result.error());
        log::error("provisioning failed", {{"error", line_of(result.error())}});
    }
    failures_ = result ? 0 : failures_ + 1;
    if (result) hurry_.ring();
    co_return result;
}

Task<Result<>> Provisioner::one_attempt(CredentialPtr credential) {
    running_ = true;
    auto result = co_await attempt_contained(std::move(credential));
    running_ = false;
    last_result_ = result;
    attempt_ended_.ring();
    co_return result;
}

Task<Result<>> Provisioner::ask_hub(CredentialPtr credential) {
    const auto identity = manual_identity(settings_);
    MUSTER_CO_TRY(auto client, CloudClient::create(hub_target(identity), std::move(credential), settings_.cloud));
    HubClient hub(std::move(client), identity.device_id, settings_.cloud.retries, {});
    MUSTER_CO_TRY(const bool known, co_await hub.knows_device());
    if (!known) co_return fail(Errc::unauthorized, "the hub does not take the new certificate of this device");
    co_return Result<>{};
}

Task<Result<>> Provisioner::prove(CredentialPtr credential) {
    if (settings_.source == Source::manual) co_return co_await ask_hub(std::move(credential));
    while (running_) co_await attempt_ended_.wait(std::chrono::hours(1));
    auto result = co_await one_attempt(std::move(credential));
    if (result) {
        failures_ = 0;
        hurry_.ring();
    }
    co_return result;
}

// Doubles up to the longest, then half of it plus a random half: a fleet that lost its service together does not come
// back together. What the service asked for is the least.
std::chrono::milliseconds Provisioner::next_pause() {
    const auto doublings = std::min(failures_ == 0 ? 0U : failures_ - 1, 20U);
    const auto full = std::min<std::int64_t>(pace_.first.count() << doublings, pace_.longest.count());
    const auto half = static_cast<std::uint64_t>(std::max<std::int64_t>(full / 2, 1));
    auto pause = std::chrono::milliseconds(half + random_.below(half + 1));
    if (wish_) {
        const auto wished = std::chrono::duration_cast<std::chrono::milliseconds>(*wish_);
        const auto spread = static_cast<std::uint64_t>(wished.count() / 10 + 1);
        pause = std::max(pause, wished + std::chrono::milliseconds(random_.below(spread)));
    }
    return pause;
}

void Provisioner::use_manual_identity() {
    const auto identity = manual_identity(settings_);
    log::info("using the identity of the settings", {{"deviceId", identity.device_id}, {"hub", identity.hub}});
    if (state_.load_identity() == identity) return;
    if (const auto saved = state_.save_identity(identity); !saved)
        log::warn("the identity is not in the state directory", {{"error", saved.error().chain()}});
}

Task<bool> Provisioner::run() {
    if (settings_.source == Source::none) co_return false;
    if (settings_.source == Source::manual) {
        use_manual_identity();
        co_return false;
    }
    const bool always = settings_.reprovisioning == Reprovisioning::always_on_startup;
    if (!always && co_await stored_identity_fits()) {
        const auto stored = identity();
        log::info("using the stored identity", {{"deviceId", stored->device_id}, {"hub", stored->hub}});
        co_return false;
    }
    if (identity() && always)
        log::info("registering again, as at every start (AlwaysOnStartup); the last identity serves until then");
    else if (identity())
        log::warn("the provisioning settings changed; the old identity serves until there is a new one");
    while (!co_await reprovision()) {
        const auto pause = next_pause();
        log::info("provisioning again later",
                  {{"seconds", fmt::format("{:.1f}", static_cast<double>(pause.count()) / 1000)}});
        const auto failed_so_far = failures_;
        co_await hurry_.wait(pause);
        if (failures_ < failed_so_far) break;  // someone's call of reprovision succeeded meanwhile
    }
    co_return true;
}

}  // namespace muster::edge::identityd
