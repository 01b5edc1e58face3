// The five service files, computed from the super-config (facts/device.md 2.2, 2.3). A pure function: the same input
// gives the same bytes; golden folders in tests/golden/device_config hold what it must give.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "edge/config/super_config.h"

namespace muster::edge {

struct ServiceUids {
    uid_t certd;      // aziotcs
    uid_t identityd;  // aziotid
    uid_t edged;      // iotedge
};

struct GenerateInput {
    const SuperConfig& config;
    ServiceUids uids;
    std::string os_hostname;                                  // used when the file names none
    std::map<std::string, std::string> additional_info = {};  // the contents of that file
    std::filesystem::path secrets = "/var/secrets/aziot";     // where a key that the file holds itself is put
};

struct ServiceFiles {
    std::string keyd, certd, identityd, tpmd, edged;
};

// The file of the device's symmetric key, for keyd, when the super-config holds its bytes; nothing otherwise.
std::optional<std::filesystem::path> key_file_for(const Provisioning& provisioning,
                                                  const std::filesystem::path& secrets);
// The same for the encryption key of IoT Edge 1.1.
std::optional<std::filesystem::path> master_key_file_for(const SuperConfig& config,
                                                         const std::filesystem::path& secrets);

ServiceFiles generate(const GenerateInput& input);

}  // namespace muster::edge
