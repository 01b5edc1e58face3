#include "services.h"

#include "edge/supervisor/client.h"

namespace muster::iotedge {

const std::vector<std::string>& service_names() {
    static const std::vector<std::string> names{"aziot-identityd", "aziot-keyd", "aziot-certd", "aziot-tpmd"};
    return names;
}

std::unique_ptr<Services> find_services(const edge::Paths& paths) {
    const bool systemd_runs = std::filesystem::is_directory("/run/systemd/system");
    if (paths.rooted() || !systemd_runs) return supervised_services(paths);
    // `aziotd run` beside systemd, by someone who wanted it so; a socket alone may be left from a crash.
    const bool supervised =
        std::filesystem::exists(paths.supervisor_socket()) && edge::supervisor::Client(paths).status();
    return supervised ? supervised_services(paths) : systemd_services();
}

}  // namespace muster::iotedge
