// keyd's settings: /etc/aziot/keyd/config.toml and config.d (facts/device.md 2.2).
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "edge/service/admission.h"
#include "edge/service/principals.h"
#include "edge/service/settings.h"

namespace muster::edge::keyd {

struct Settings {
    std::filesystem::path home;  // [aziot_keys] homedir_path
    std::map<std::string, std::filesystem::path> preloaded;
    Principals principals;
    Admission::Limits limits;  // max_requests

    // Errc::unsupported for keys of a hardware module, which come with a later version.
    static Result<Settings> load(const Paths& paths);
    static Result<Settings> from(const json::object& object, const Paths& paths);
};

}  // namespace muster::edge::keyd
