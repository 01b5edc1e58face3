// `iotedge system ...` (facts/device.md 7.1, 7.2).
#include <cstdio>

#include "commands.h"
#include "edge/service/local_call.h"
#include "net/reactor.h"
#include "services.h"

namespace muster::iotedge {
namespace {

void explain(const ServiceState& state) {
    fmt::print("\n{} is in a bad state because:\n", state.name);
    fmt::print("{}: {}{}\n", state.name, state.state, state.reason.empty() ? "" : fmt::format(" ({})", state.reason));
    if (state.last_lines.empty()) return;
    fmt::print("Printing the last 10 log lines.\n");
    for (const auto& line : state.last_lines) fmt::print("{}\n", line);
}

}  // namespace

int system_status(const edge::Paths& paths) {
    const auto states = find_services(paths)->status();
    if (!states) return report(states.error());
    fmt::print("System services:\n");
    bool all_good = true;
    for (const auto& state : *states) {
        fmt::print("    {:<24}{}\n", state.name, state.state);
        all_good = all_good && state.good();
    }
    for (const auto& state : *states)
        if (!state.good()) explain(state);
    fmt::print("\nUse 'iotedge system logs' to look for errors.\n");
    if (all_good)
        fmt::print("Use 'iotedge config apply --check' to examine the configuration, certificates and keys.\n");
    else
        fmt::print(
            "Use 'iotedge config apply --check' to find what is wrong, 'iotedge system restart' to try again.\n");
    return done;
}

int system_logs(const edge::Paths& paths, const std::vector<std::string>& arguments) {
    return report(find_services(paths)->logs(arguments));
}

int system_restart(const edge::Paths& paths) {
    fmt::print("Restarting the services...\n");
    static_cast<void>(std::fflush(stdout));
    const auto result = find_services(paths)->restart();
    if (result) fmt::print("Done.\n");
    return report(result);
}

int system_stop(const edge::Paths& paths) {
    fmt::print("Stopping the services...\n");
    static_cast<void>(std::fflush(stdout));
    const auto result = find_services(paths)->stop();
    if (result) fmt::print("Done.\n");
    return report(result);
}

int system_reprovision(const edge::Paths& paths) {
    const auto socket = paths.socket(edge::Service::identityd);
    // A registration may take identityd five minutes.
    edge::LocalService identityd{"aziot-identityd", socket, "2020-09-01", std::chrono::minutes(6)};
    const auto answer = net::run_blocking(
        edge::call_local(std::move(identityd), "POST", "/identities/device/reprovision", {{"type", "aziot"}}));
    if (!answer) return report(answer.error().wrap("the device could not be provisioned again"));
    // identityd has the new identity in hand; the others have no part in it.
    fmt::print("Successfully reprovisioned with IoT Hub.\n");
    return done;
}

int system_set_log_level(const edge::Paths& paths, const std::string& level) {
    const auto services = find_services(paths);
    if (const auto set = services->set_log_level(level); !set) return report(set.error());
    fmt::print("Log level {} is set. Restarting the services for it to take effect...\n", level);
    static_cast<void>(std::fflush(stdout));
    const auto restarted = services->restart();
    if (restarted) fmt::print("Done.\n");
    return report(restarted);
}

}  // namespace muster::iotedge
