// /etc/iotedge/config.yaml of IoT Edge 1.1 as the super-config of today (facts/device.md 2.5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace muster::edge::import {

struct Imported {
    std::string toml;
    std::vector<std::string> notes;  // what was left out or is to be looked at
};

// A pure function. Errc::invalid_argument when it is not YAML (with line and column) or lacks what a device needs;
// Errc::unsupported for "external" provisioning, which has no successor.
Result<Imported> from_yaml(std::string_view yaml);

}  // namespace muster::edge::import
