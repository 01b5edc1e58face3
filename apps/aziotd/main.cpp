// The device's services in one program, told apart by the name it is called by or by its first argument.
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "base/version.h"
#include "edge/certd/daemon.h"
#include "edge/common/paths.h"
#include "edge/config/apply.h"
#include "edge/identityd/daemon.h"
#include "edge/keyd/daemon.h"
#include "edge/supervisor/run.h"
#include "edge/tpmd/daemon.h"

namespace {

using namespace muster;

constexpr int wrong_usage = 2;

constexpr std::string_view usage = R"(usage: aziotd COMMAND

  run            start aziot-keyd, aziot-certd and aziot-identityd, and aziot-tpmd when it is called; keep them
                 running, log to standard error
  keyd           be aziot-keyd (also when called by that name); certd, tpmd and identityd likewise
  finish-apply   finish or undo an interrupted `iotedge config apply`; part of every start
  --version

environment: MUSTER_DEVICE_ROOT  a directory to live in instead of /
             AZIOT_LOG           error, warn, info, debug or trace
)";

int finish_apply(const edge::Paths& paths) {
    const auto recovered = edge::recover_interrupted_apply(paths);
    if (recovered) return EXIT_SUCCESS;
    fmt::print(stderr, "aziotd: {}\n", recovered.error().chain());
    return EXIT_FAILURE;
}

int dispatch(std::string_view command) {
    const auto paths = edge::Paths::from_environment();
    if (command == "keyd" || command == "aziot-keyd") return edge::keyd::run_daemon(paths);
    if (command == "certd" || command == "aziot-certd") return edge::certd::run_daemon(paths);
    if (command == "tpmd" || command == "aziot-tpmd") return edge::tpmd::run_daemon(paths);
    if (command == "identityd" || command == "aziot-identityd") return edge::identityd::run_daemon(paths);
    if (command == "run") return edge::supervisor::run(paths);
    if (command == "finish-apply") return finish_apply(paths);
    if (command == "--version") {
        fmt::print("aziotd {}\n", version());
        return EXIT_SUCCESS;
    }
    if (command == "--help" || command == "-h" || command == "help") {
        fmt::print("{}", usage);
        return EXIT_SUCCESS;
    }
    fmt::print(stderr, "aziotd: unknown command \"{}\"\n{}", command, usage);
    return wrong_usage;
}

}  // namespace

int main(int count, char** arguments) {
    const auto name = std::filesystem::path(count > 0 ? arguments[0] : "aziotd").filename().string();
    const std::string_view first = count > 1 ? arguments[1] : "";
    if (name.starts_with("aziot-") && first != "--version") {
        if (count == 1) return dispatch(name);
        fmt::print(stderr, "{}: takes no arguments; it reads its settings from /etc/aziot\n", name);
        return wrong_usage;
    }
    if (count != 2) {
        fmt::print(stderr, "{}", usage);
        return wrong_usage;
    }
    return dispatch(first);
}
