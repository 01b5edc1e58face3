// Does the cloud still know this device, and take what it shows? Asked with the device's own credential, and nothing is
// changed by asking: no registration, no new certificate.
#include "edge/check/device.h"
#include "edge/identityd/dps.h"
#include "edge/identityd/hub.h"
#include "edge/identityd/x509_credential.h"
#include "net/reactor.h"

namespace muster::edge::checks {
namespace {

using identityd::CloudClient;
using identityd::CredentialPtr;
using identityd::DeviceIdentity;

constexpr std::string_view once_more = "iotedge system reprovision";

std::optional<Outcome> misses_the_credential(Device& device) {
    const auto& credential = device.identityd()->credential;
    if (std::holds_alternative<identityd::TpmSettings>(credential)) return misses(device, Service::tpmd);
    if (auto missing = misses(device, Service::keyd)) return missing;
    if (!std::holds_alternative<identityd::X509Settings>(credential)) return std::nullopt;
    return misses(device, Service::certd);
}

// As it is in place: identityd's own way has a certificate issued when there is none.
Result<CredentialPtr> credential_in_place(Device& device) {
    const auto& settings = device.identityd()->credential;
    const auto* x509 = std::get_if<identityd::X509Settings>(&settings);
    if (x509 == nullptr) return net::run_blocking(identityd::load_credential(device.neighbours(), settings));
    MUSTER_TRY(auto chain, device.certificate(x509->certificate_id));
    if (const auto& key = device.public_half(x509->key_id); !key) return fail(key.error());
    return net::run_blocking(identityd::credential_with(device.neighbours(), std::move(chain), x509->key_id));
}

std::string registration_of(const identityd::DpsSettings& dps, const CredentialPtr& credential) {
    return dps.registration_id.value_or(credential->registration_id());
}

Result<identityd::Reading> look_up(Device& device, const CredentialPtr& credential) {
    const auto& dps = device.identityd()->dps;
    identityd::Registration registration;
    registration.scope_id = dps.scope_id;
    registration.registration_id = registration_of(dps, credential);
    MUSTER_TRY(auto cloud, CloudClient::create(identityd::dps_target(dps.global_endpoint, registration), credential,
                                               device.cloud(), device.clock));
    identityd::DpsClient client(std::move(cloud), std::move(registration));
    return net::run_blocking(client.look_up());
}

bool may_pass(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout || error.code() == Errc::throttled;
}

// What the service said instead, or that it did not.
Outcome unanswered(const Error& error, std::string_view mend) {
    if (may_pass(error)) return Outcome::failed(error, Outcome::Kind::warning);
    return Outcome::failed(error.hint().empty() ? Error(error).with_hint(std::string(mend)) : error);
}

Outcome compare(const identityd::Assignment& assigned, const std::optional<DeviceIdentity>& in_use) {
    auto outcome = Outcome::ok();
    if (!in_use)
        outcome =
            Outcome::warning("DPS has assigned this device, but it has not taken note of it", std::string(once_more));
    else if (in_use->hub != assigned.hub || in_use->device_id != assigned.device_id)
        outcome = Outcome::warning(fmt::format("DPS has this device as \"{}\" at {}, and it uses \"{}\" at {}",
                                               assigned.device_id, assigned.hub, in_use->device_id, in_use->hub),
                                   std::string(once_more));
    outcome.more = {{"assignedHub", assigned.hub}, {"deviceId", assigned.device_id}};
    return outcome;
}

Outcome is_enrolled(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return needs("identityd's configuration");
    if (settings->source != identityd::Source::dps)
        return Outcome::ignored("the device is not provisioned through DPS");
    if (std::holds_alternative<identityd::TpmSettings>(settings->credential))
        return Outcome::ignored("a device that attests by TPM cannot ask without registering");
    if (auto missing = misses_the_credential(device)) return *std::move(missing);
    if (!dps_is_there(device)) return Outcome::skipped("DPS cannot be reached (see host-connect-dps-endpoint)");
    const auto credential = credential_in_place(device);
    if (!credential) return Outcome::skipped("the device has nothing to show: " + credential.error().chain());
    const auto reading = look_up(device, *credential);
    if (!reading) return unanswered(reading.error(), once_more);
    if (reading->refusal) return unanswered(*reading->refusal, once_more);
    if (!reading->assignment) return Outcome::ok("DPS is still looking for a hub for this device");
    return compare(*reading->assignment, device.identity());
}

Result<bool> ask_hub(Device& device, const DeviceIdentity& identity, const CredentialPtr& credential) {
    MUSTER_TRY(auto cloud,
               CloudClient::create(identityd::hub_target(identity), credential, device.cloud(), device.clock));
    identityd::HubClient hub(std::move(cloud), identity.device_id, 0, {});
    return net::run_blocking(hub.knows_device());
}

Outcome is_known_to_hub(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return needs("identityd's configuration");
    if (settings->source == identityd::Source::none) return Outcome::ignored("the device has no hub");
    const auto identity = device.identity();
    if (!identity) return Outcome::skipped("the hub is not known before the device is provisioned");
    if (auto missing = misses_the_credential(device)) return *std::move(missing);
    if (!device.connected(with_port(identity->gateway, "443"), true))
        return Outcome::skipped("the hub cannot be reached (see host-connect-iothub-https)");
    const auto credential = credential_in_place(device);
    if (!credential) return Outcome::skipped("the device has nothing to show: " + credential.error().chain());
    const auto known = ask_hub(device, *identity, *credential);
    const bool by_hand = settings->source == identityd::Source::manual;
    const std::string mend(by_hand
                               ? "create the device at the hub with what it shows (muster device create), or correct "
                                 "[provisioning] of /etc/aziot/config.toml, then run: iotedge config apply"
                               : once_more);
    if (!known) return unanswered(known.error(), mend);
    if (*known) return Outcome::ok();
    return Outcome::error(
        fmt::format("{} does not know \"{}\", or does not take what it shows", identity->gateway, identity->device_id),
        mend);
}

}  // namespace

std::vector<Check> enrollment_checks() {
    return {
        {"device-enrolled", "DPS knows the registration of this device and accepts its credential", is_enrolled},
        {"device-known-to-hub", "iothub knows this device and accepts its credential", is_known_to_hub},
    };
}

}  // namespace muster::edge::checks
