// Do the services answer, and do they hold what the configuration gave them?
#include "edge/check/device.h"

namespace muster::edge::checks {
namespace {

Outcome answers(Device& device, Service service) {
    const auto& answer = device.answers(service);
    if (answer) return Outcome::ok();
    if (answer.error().code() == Errc::forbidden)
        return Outcome::error(
            fmt::format("{} may not be asked by this user: {}", unit_name(service), answer.error().chain()),
            "sudo iotedge check");
    auto outcome = Outcome::failed(answer.error().wrap(fmt::format("{} does not answer", unit_name(service))));
    outcome.details.push_back(
        fmt::format("to mend it: iotedge system status, iotedge system logs -- -u {}", unit_name(service)));
    return outcome;
}

Outcome keyd_running(Device& device) {
    return answers(device, Service::keyd);
}

Outcome certd_running(Device& device) {
    return answers(device, Service::certd);
}

Outcome identityd_running(Device& device) {
    return answers(device, Service::identityd);
}

Outcome tpmd_running(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return needs("identityd's configuration");
    const bool used = settings->source != identityd::Source::none &&
                      std::holds_alternative<identityd::TpmSettings>(settings->credential);
    if (!used) return Outcome::ignored("the device does not attest by TPM");
    return answers(device, Service::tpmd);
}

}  // namespace

std::vector<Check> service_checks() {
    return {
        {"keyd-running", "keyd is running", keyd_running},
        {"certd-running", "certd is running", certd_running},
        {"tpmd-running", "tpmd is running", tpmd_running},
        {"identityd-running", "identityd is running", identityd_running},
    };
}

}  // namespace muster::edge::checks
