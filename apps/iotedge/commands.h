// The commands of `iotedge`; each gives its exit code: 0 done, 1 refused or failed, 2 wrong usage.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "edge/common/paths.h"

namespace CLI {
class App;
}

namespace muster::iotedge {

inline constexpr int done = 0;
inline constexpr int refused = 1;
inline constexpr int wrong_usage = 2;

// The error, its causes, what mends it, on standard error; gives `refused`.
int report(const Error& error);
inline int report(const Result<>& result) {
    return result ? done : report(result.error());
}

int config_apply(const edge::Paths& paths, const std::string& file, bool check_only);

int system_status(const edge::Paths& paths);
int system_logs(const edge::Paths& paths, const std::vector<std::string>& arguments);
int system_restart(const edge::Paths& paths);
int system_stop(const edge::Paths& paths);
int system_reprovision(const edge::Paths& paths);
int system_set_log_level(const edge::Paths& paths, const std::string& level);

// Of the original, not in this version: says so.
int not_in_this_version(const std::string& command, const std::string& needs);

}  // namespace muster::iotedge
