// How this device's services are run: by systemd, or by `aziotd run`.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "edge/common/paths.h"

namespace muster::iotedge {

struct ServiceState {
    std::string name;   // "aziot-keyd"
    std::string state;  // "Running", "Ready", "Down - failed", "Down - inactive", "Down - activating"
    std::string reason;
    std::vector<std::string> last_lines;  // of one that is down
    bool good() const { return state == "Running" || state == "Ready"; }
};

using Environment = std::vector<std::pair<std::string, std::string>>;

class Services {
public:
    virtual ~Services() = default;
    virtual Result<std::vector<ServiceState>> status() = 0;
    virtual Result<> restart() = 0;
    virtual Result<> stop() = 0;
    // For the services' next start.
    virtual Result<> set_log_level(const std::string& level) = 0;
    // What the configuration of this service adds to its environment.
    virtual Result<Environment> environment(const std::string& service) = 0;
    // A service's log between the two times, at most a few megabytes of it: the newest.
    virtual Result<std::string> log_of(const std::string& service, TimePoint since, TimePoint until) = 0;
    // Prints to standard output. `arguments` are journalctl's.
    virtual Result<> logs(const std::vector<std::string>& arguments) = 0;
};

// Names in the order in which they are shown.
const std::vector<std::string>& service_names();

std::unique_ptr<Services> systemd_services();
std::unique_ptr<Services> supervised_services(const edge::Paths& paths);
// Below a device root, and where a supervisor answers, the supervisor; else systemd where it runs.
std::unique_ptr<Services> find_services(const edge::Paths& paths);

}  // namespace muster::iotedge
