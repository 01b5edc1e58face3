// The commands of `iotedge`; each gives its exit code: 0 done, 1 refused or failed, 2 wrong usage.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "edge/check/checks.h"
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

// Writes a new super-config (0600), or says why not, and how to go on.
int write_configuration(const std::filesystem::path& file, const std::string& text, bool force);
// `given`: the connection string, or "-" for a line of standard input.
int config_mp(const edge::Paths& paths, const std::string& given, const std::string& out, bool force);
int config_import(const edge::Paths& paths, const std::string& given, const std::string& out, bool force);

// Says so on standard error when this user cannot see all of a device.
void warn_without_root(const edge::Paths& paths);

struct CheckArguments {
    std::string dont_run;  // ids, apart by spaces
    std::string iothub_hostname;
    std::string proxy_uri;
    std::string ntp_server = "pool.ntp.org:123";
    std::string expected_version;
    std::string output = "text";  // text, json, json-stream
    bool verbose = false;
    bool warnings_as_errors = false;
    std::vector<std::string> without_effect;  // options of the original that are about its helper container
};
edge::checks::Options check_options(const CheckArguments& arguments);
int check(const edge::Paths& paths, const CheckArguments& arguments);
int check_list(const std::string& output);

struct BundleArguments {
    std::string output;  // empty: a name of its own in this directory; "-": standard output
    std::string since = "1 day";
    std::string until;
    std::string iothub_hostname;
    bool runtime_only = false;
    bool quiet = false;
};
int support_bundle(const edge::Paths& paths, const BundleArguments& arguments);

int system_status(const edge::Paths& paths);
int system_logs(const edge::Paths& paths, const std::vector<std::string>& arguments);
int system_restart(const edge::Paths& paths);
int system_stop(const edge::Paths& paths);
int system_reprovision(const edge::Paths& paths);
int system_set_log_level(const edge::Paths& paths, const std::string& level);

// Of the original, not in this version: says so.
int not_in_this_version(const std::string& command, const std::string& needs);

}  // namespace muster::iotedge
