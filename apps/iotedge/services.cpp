#include "services.h"

namespace muster::iotedge {

const std::vector<std::string>& service_names() {
    static const std::vector<std::string> names{"aziot-identityd", "aziot-keyd", "aziot-certd"};
    return names;
}

std::unique_ptr<Services> find_services(const edge::Paths& paths) {
    const bool systemd_runs = std::filesystem::is_directory("/run/systemd/system");
    const bool supervised = paths.rooted() || std::filesystem::exists(paths.supervisor_socket());
    return systemd_runs && !supervised ? systemd_services() : supervised_services(paths);
}

}  // namespace muster::iotedge
