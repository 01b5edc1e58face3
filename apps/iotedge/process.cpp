#include "process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.h"

extern char** environ;

namespace muster::iotedge {
namespace {

Result<pid_t> spawn(const std::vector<std::string>& arguments, int output) {
    std::vector<std::string> words = arguments;
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    pid_t pid = -1;
    const int error = ::posix_spawnp(&pid, words.front().c_str(), &actions, nullptr, pointers.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) return fail(errno_error(fmt::format("cannot run {}", words.front()), error));
    return pid;
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string read_to_end(int fd) {
    std::string out;
    char buffer[4096];
    for (;;) {
        const auto got = ::read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return out;
        out.append(buffer, static_cast<std::size_t>(got));
    }
}

}  // namespace

Result<Finished> run_program(const std::vector<std::string>& arguments) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("cannot make a pipe", errno));
    const auto pid = spawn(arguments, ends[1]);
    ::close(ends[1]);
    Finished finished{-1, pid ? read_to_end(ends[0]) : std::string()};
    ::close(ends[0]);
    if (!pid) return fail(pid.error());
    finished.exit_code = wait_for(*pid);
    return finished;
}

Result<int> run_visibly(const std::vector<std::string>& arguments) {
    MUSTER_TRY(const auto pid, spawn(arguments, -1));
    return wait_for(pid);
}

}  // namespace muster::iotedge
