// `iotedge config apply`: what is said about it, and the restart afterwards.
#include "commands.h"
#include "edge/config/apply.h"
#include "services.h"

namespace muster::iotedge {
namespace {

void print_findings(const std::vector<ConfigProblem>& findings, std::string_view prefix) {
    for (const auto& finding : findings) {
        fmt::print(stderr, "{}{}\n", prefix, finding.text());
        if (!finding.hint.empty()) fmt::print(stderr, "    to mend it: {}\n", finding.hint);
    }
}

std::string counted(std::size_t number) {
    return number == 1 ? "1 problem" : fmt::format("{} problems", number);
}

int restart_services(const edge::Paths& paths) {
    fmt::print("\nRestarting the services for the configuration to take effect...\n");
    const auto restarted = find_services(paths)->restart();
    if (restarted) {
        fmt::print("Done.\n");
        return done;
    }
    if (restarted.error().code() == Errc::not_found) {
        fmt::print("They are not running here. Start them with: {}aziotd run\n",
                   paths.rooted() ? fmt::format("MUSTER_DEVICE_ROOT={} ", paths.root().string()) : std::string());
        return done;
    }
    return report(restarted.error().wrap("the configuration is written, but the services could not be restarted"));
}

void say_recovered(edge::Recovery recovered) {
    if (recovered == edge::Recovery::finished)
        fmt::print(
            stderr,
            "note: an earlier `iotedge config apply` was interrupted while writing; its files were finished first\n");
    if (recovered == edge::Recovery::undone)
        fmt::print(
            stderr,
            "note: an earlier `iotedge config apply` was interrupted before writing; what it had begun was removed\n");
}

}  // namespace

int config_apply(const edge::Paths& paths, const std::string& file, bool check_only) {
    const SystemClock clock;
    const edge::ApplyOptions options{file.empty() ? paths.super_config() : std::filesystem::path(file), check_only};
    edge::ApplyWorld world{clock};
    if (auto environment = find_services(paths)->environment("aziot-keyd"))
        world.keyd_environment = std::move(*environment);
    const auto outcome = edge::apply(paths, options, world);
    if (!outcome) return report(outcome.error());
    say_recovered(outcome->recovered);
    print_findings(outcome->findings.warnings, "warning: ");
    const auto& problems = outcome->findings.problems;
    if (!problems.empty()) {
        print_findings(problems, "");
        fmt::print(stderr, "{} in {}: nothing was changed\n", counted(problems.size()), options.file.string());
        return refused;
    }
    if (check_only) {
        fmt::print("{} is good; `iotedge config apply` would write it\n", options.file.string());
        return done;
    }
    for (const auto& key : outcome->key_files)
        fmt::print("note: the symmetric key is in {} now, readable by aziotks alone\n", key.string());
    fmt::print("note: the container runtime (aziot-edged) is not in this version; its settings wait in {}\n",
               paths.generated_config("edged").string());
    fmt::print("Azure IoT Edge has been configured successfully!\n");
    return restart_services(paths);
}

}  // namespace muster::iotedge
