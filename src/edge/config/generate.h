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
};

struct ServiceFiles {
    std::string keyd, certd, identityd, tpmd, edged;
};

ServiceFiles generate(const GenerateInput& input);

}  // namespace muster::edge
