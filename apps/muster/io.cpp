#include "muster/io.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/text.h"

namespace muster::cli {
namespace {

constexpr std::size_t narrowest_terminal = 20;

void write_to(std::FILE* stream, std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stream) == text.size()) return;
    // The network code ignores SIGPIPE, so the broken pipe shows up here.
    if (errno == EPIPE) std::_Exit(0);
}

std::optional<std::string> environment_variable(const char* name) {
    const char* value = std::getenv(name);
    if (value == nullptr) return std::nullopt;
    return std::string(value);
}

std::optional<std::size_t> terminal_columns(int stream) {
    if (const auto set = environment_variable("COLUMNS")) {
        const auto columns = parse_integer<std::size_t>(*set);
        if (columns && *columns >= narrowest_terminal) return columns;
    }
    winsize size{};
    if (::isatty(stream) == 0 || ::ioctl(stream, TIOCGWINSZ, &size) != 0) return std::nullopt;
    if (size.ws_col < narrowest_terminal) return std::nullopt;
    return size.ws_col;
}

// What is followed cannot go on unseen; in the end the program looks by itself.
void flush_output() {
    if (std::fflush(stdout) == 0) return;
    if (errno == EPIPE) std::_Exit(0);
    (void)std::fputs("muster: standard output could not be written\n", stderr);
    std::_Exit(1);
}

// A pipe whose reader has closed it is in error: the system says so without a write.
void wait_for_reader_to_go() {
    pollfd output{.fd = STDOUT_FILENO, .events = 0, .revents = 0};
    while (::poll(&output, 1, -1) < 0 && errno == EINTR) {
    }
    if ((output.revents & (POLLERR | POLLHUP)) != 0) std::_Exit(0);
}

}  // namespace

Io process_io() {
    return Io{
        .out = [](std::string_view text) { write_to(stdout, text); },
        .err = [](std::string_view text) { write_to(stderr, text); },
        .environment = environment_variable,
        .columns = terminal_columns(STDOUT_FILENO),
        .err_columns = ::isatty(STDERR_FILENO) == 0 ? std::nullopt : terminal_columns(STDERR_FILENO),
        .flush = flush_output,
        .end_with_reader = [] { std::thread(wait_for_reader_to_go).detach(); },
        .now = SystemClock().now(),
    };
}

bool finish_process_io() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace muster::cli
