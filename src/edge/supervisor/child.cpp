#include "edge/supervisor/child.h"

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

extern char** environ;

namespace muster::edge::supervisor {
namespace {

constexpr int handed_over = 3;  // SD_LISTEN_FDS_START

// Everything that the child needs, made before the fork: after it only system calls are safe.
struct Prepared {
    std::string program;
    std::string name;
    std::vector<std::string> variables;
    std::vector<char*> arguments;
    std::vector<char*> environment;
    char* pid_digits = nullptr;  // inside LISTEN_PID's text
};

constexpr std::string_view pid_room = "0000000000";

void prepare(Prepared& out, const ChildOptions& options) {
    out.program = options.program;
    out.name = unit_name(options.service);
    for (char** variable = environ; *variable != nullptr; ++variable) {
        const std::string_view text(*variable);
        if (!text.starts_with("LISTEN_") && !text.starts_with("AZIOT_LOG=") && !text.starts_with("NOTIFY_SOCKET="))
            out.variables.emplace_back(text);
    }
    if (!options.log_level.empty()) out.variables.push_back("AZIOT_LOG=" + options.log_level);
    out.variables.push_back("LISTEN_FDS=1");
    out.variables.push_back(fmt::format("LISTEN_FDNAMES={}.socket", out.name));
    out.variables.push_back("LISTEN_PID=" + std::string(pid_room));
    for (auto& variable : out.variables) out.environment.push_back(variable.data());
    out.environment.push_back(nullptr);
    out.arguments = {out.name.data(), nullptr};
    out.pid_digits = out.variables.back().data() + std::string_view("LISTEN_PID=").size();
}

// Leading zeros are fine for a decimal number, and need no memory.
void write_pid(char* digits, pid_t pid) {
    for (std::size_t i = pid_room.size(); i-- > 0; pid /= 10) digits[i] = static_cast<char>('0' + pid % 10);
}

[[noreturn]] void become_service(Prepared& prepared, const ChildOptions& options, int output, pid_t parent) {
    if (::dup2(output, STDOUT_FILENO) < 0 || ::dup2(output, STDERR_FILENO) < 0) ::_exit(126);
    if (options.listening_socket == handed_over) {
        if (::fcntl(handed_over, F_SETFD, 0) != 0) ::_exit(126);
    } else if (::dup2(options.listening_socket, handed_over) < 0) {
        ::_exit(126);
    }
    if (options.run_as) {
        const auto& who = *options.run_as;
        if (::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) != 0) ::_exit(126);
        if (::syscall(SYS_setgid, who.groups.front()) != 0) ::_exit(126);
        if (::syscall(SYS_setuid, who.uid) != 0) ::_exit(126);
    }
    // After the change of user, which would clear it: no service outlives its supervisor.
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(126);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (::signal(SIGPIPE, SIG_DFL) == SIG_ERR) ::_exit(126);
    write_pid(prepared.pid_digits, ::getpid());
    ::execve(prepared.program.c_str(), prepared.arguments.data(), prepared.environment.data());
    ::_exit(127);
}

}  // namespace

Result<Child> start_child(const ChildOptions& options) {
    Prepared prepared;
    prepare(prepared, options);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(errno_error("cannot make a pipe", errno));
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
        const int error = errno;
        ::close(ends[0]);
        ::close(ends[1]);
        return fail(errno_error(fmt::format("cannot start {}", prepared.name), error));
    }
    if (pid == 0) become_service(prepared, options, ends[1], parent);
    ::close(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    Child child{pid, static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)), ends[0]};
    if (child.pid_fd < 0) {
        const int error = errno;
        ::kill(pid, SIGKILL);
        (void)reap(pid);
        ::close(ends[0]);
        return fail(errno_error("cannot watch a process (pidfd_open)", error));
    }
    return child;
}

Ending reap(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status)) {
        const int number = WTERMSIG(status);
        const char* const name = ::sigdescr_np(number);
        return {false, fmt::format("killed by signal {} ({})", number, name != nullptr ? name : "unknown")};
    }
    const int code = WEXITSTATUS(status);
    if (code == 127) return {false, "its program could not be run"};
    if (code == 126) return {false, "it could not take on its user"};
    return {code == 0, fmt::format("exit code {}", code)};
}

}  // namespace muster::edge::supervisor
