// Programs of others that judge ours: curl, openssl.
#pragma once

#include <string>

namespace muster::net {

struct CommandResult {
    int status;          // exit code, or 128 + signal
    std::string output;  // standard output and error together
};

// Through /bin/sh.
CommandResult run_command(const std::string& command);

}  // namespace muster::net
