// Do the services answer, and do they hold what the configuration gave them?
#include "edge/check/device.h"
#include "edge/service/local_call.h"
#include "net/reactor.h"

namespace muster::edge::checks {
namespace {

// Any answer will do: it says that the service runs, or that systemd has started it for this question.
Outcome answers(Device& device, Service service) {
    const auto socket = device.paths.socket(service);
    net::ClientOptions how;
    how.connect = std::chrono::seconds(5);
    how.request = std::chrono::seconds(10);
    const auto http = net::HttpClient::create("unix://" + socket.string(), nullptr, how);
    if (!http) return Outcome::failed(http.error());
    net::HttpRequest request;
    request.method = "GET";
    request.target = "/?api-version=2020-09-01";
    const auto response = (*http)->send_blocking(std::move(request));
    if (response) return Outcome::ok();
    if (response.error().code() == Errc::forbidden)
        return Outcome::error(
            fmt::format("{} may not be asked by this user: {}", unit_name(service), response.error().chain()),
            "sudo iotedge check");
    auto outcome = Outcome::failed(response.error().wrap(fmt::format("{} does not answer", unit_name(service))));
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
