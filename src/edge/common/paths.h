// Where things are on a device (facts/device.md sections 1 to 4), and the five service users.
#pragma once

#include <sys/types.h>

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster::edge {

// The services of this device, in the order in which they start. edged follows in a later issue.
enum class Service { keyd, certd, tpmd, identityd };
inline constexpr std::array all_services{Service::keyd, Service::certd, Service::tpmd, Service::identityd};
// tpmd starts when somebody calls it: most devices never do.
inline constexpr std::array steady_services{Service::keyd, Service::certd, Service::identityd};

std::string_view short_name(Service service);  // "keyd"
std::string_view unit_name(Service service);   // "aziot-keyd"
std::string_view user_name(Service service);   // "aziotks"

// A device's file system. Everything below an optional root directory (the environment variable MUSTER_DEVICE_ROOT),
// so that several devices can live on one machine; without one, "/".
class Paths {
public:
    explicit Paths(std::filesystem::path root = {}) : root_(std::move(root)) {}
    static Paths from_environment();

    bool rooted() const { return !root_.empty(); }
    const std::filesystem::path& root() const { return root_; }
    std::filesystem::path under(std::string_view absolute) const;  // "/etc/x" -> root + "/etc/x"

    std::filesystem::path super_config() const;                                 // /etc/aziot/config.toml
    std::filesystem::path config_file(Service service) const;                   // /etc/aziot/keyd/config.toml
    std::filesystem::path config_directory(std::string_view short_name) const;  // /etc/aziot/keyd/config.d
    std::filesystem::path generated_config(std::string_view short_name) const;  // .../00-super.toml
    std::filesystem::path socket(Service service) const;                        // /run/aziot/keyd.sock
    std::filesystem::path state_directory(Service service) const;               // /var/lib/aziot/keyd
    std::filesystem::path secrets_directory() const;                            // /var/secrets/aziot
    std::filesystem::path supervisor_socket() const;  // /run/aziot/supervisor.sock (aziotd run)

private:
    std::filesystem::path root_;
};

struct ServiceUser {
    std::string name;
    uid_t uid;
    gid_t gid;
};

// The account of a service, "aziotks" and so on; edged's is "iotedge". Below a device root without accounts of its own
// (Paths::rooted) every service runs as the caller, and so does this. The error names the missing user and the command
// that makes it.
Result<ServiceUser> service_user(const Paths& paths, std::string_view name);

}  // namespace muster::edge
