#include "muster/io.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

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

}  // namespace

Io process_io() {
    return Io{
        .out = [](std::string_view text) { write_to(stdout, text); },
        .err = [](std::string_view text) { write_to(stderr, text); },
        .environment = environment_variable,
        .columns = terminal_columns(STDOUT_FILENO),
        .err_columns = ::isatty(STDERR_FILENO) == 0 ? std::nullopt : terminal_columns(STDERR_FILENO),
        .flush = [] { (void)std::fflush(stdout); },
        .now = SystemClock().now(),
    };
}

bool finish_process_io() {
    return std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
}

}  // namespace muster::cli
