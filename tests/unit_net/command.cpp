#include "command.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

namespace muster::net {

CommandResult run_command(const std::string& command) {
    CommandResult result{127, {}};
    FILE* pipe = ::popen(("{ " + command + "\n} 2>&1").c_str(), "r");
    if (!pipe) return result;
    std::array<char, 4096> buffer{};
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) result.output.append(buffer.data(), got);
    const int status = ::pclose(pipe);
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result;
}

}  // namespace muster::net
