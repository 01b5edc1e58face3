// Programs of the system, run without a shell.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace muster::iotedge {

struct Finished {
    int exit_code;
    std::string output;  // standard output
};

// Standard error stays this program's. Errc::not_found when there is no such program.
Result<Finished> run_program(const std::vector<std::string>& arguments);
// The same, its output this program's own; the exit code.
Result<int> run_visibly(const std::vector<std::string>& arguments);

}  // namespace muster::iotedge
