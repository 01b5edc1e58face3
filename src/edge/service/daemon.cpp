#include "edge/service/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "edge/service/settings.h"
#include "edge/service/watch.h"

namespace muster::edge {
namespace {

constexpr int first_inherited_fd = 3;  // SD_LISTEN_FDS_START

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
}

// The listening socket that systemd made for this process (sd_listen_fds(3)), if it did.
std::optional<int> inherited_socket() {
    const auto pid = parse_integer<pid_t>(environment("LISTEN_PID"));
    const auto count = parse_integer<int>(environment("LISTEN_FDS"));
    for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    if (!pid || *pid != ::getpid() || !count || *count < 1) return std::nullopt;
    ::fcntl(first_inherited_fd, F_SETFD, FD_CLOEXEC);
    return first_inherited_fd;
}

net::HttpLimits daemon_limits() {
    net::HttpLimits limits;
    limits.body_bytes = 1024 * 1024;
    limits.request = std::chrono::seconds(5);  // facts/device.md 3.2: a body slower than this is 408
    limits.connections = 1024;
    return limits;
}

Result<> listen(const Paths& paths, Service service, net::HttpServer& server) {
    if (const auto fd = inherited_socket()) return server.listen_unix_fd(*fd);
    const auto path = paths.socket(service);
    MUSTER_CHECK(make_directories(path.parent_path(), 0755));
    return server.listen_unix(path, 0660);
}

}  // namespace

void begin_daemon(Service service) {
    block_signals();
    ::umask(0077);
    // One arena and early returns to the system: three daemons idle on a small board.
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    const auto level = log::parse_level(environment("AZIOT_LOG"));
    log::start(level.value_or(log::Level::info), log::Format::syslog);
    log::info("starting", {{"service", unit_name(service)}, {"version", version()}});
}

std::string line_of(const Error& error) {
    const auto hint = hint_of(error);
    return hint.empty() ? error.chain() : fmt::format("{}; to mend it: {}", error.chain(), hint);
}

void release_memory() {
    static_cast<void>(::malloc_trim(0));
}

std::string hint_of(const Error& error) {
    for (const auto* at = &error; at != nullptr; at = at->cause())
        if (!at->hint().empty()) return at->hint();
    return {};
}

int daemon_failed(Service service, const Error& error) {
    log::error("cannot run", {{"service", unit_name(service)}, {"error", line_of(error)}});
    log::flush();
    return EXIT_FAILURE;
}

int serve_daemon(const Paths& paths, net::Reactors& reactors, DaemonParts parts) {
    net::HttpServer server(reactors, parts.handler, daemon_limits());
    reactors.start();
    if (auto listening = listen(paths, parts.service, server); !listening)
        return daemon_failed(parts.service, listening.error());
    const auto files = SettingsFiles::of(paths, parts.service);
    auto watch = Watch::create({files.file.parent_path(), files.directory});
    if (!watch) return daemon_failed(parts.service, watch.error());
    if (parts.started) parts.started();
    log::info("listening", {{"service", unit_name(parts.service)}, {"socket", paths.socket(parts.service).string()}});
    release_memory();
    while (watch->wait() == Watch::Event::reload) {
        log::info("settings changed, reading them again", {{"service", unit_name(parts.service)}});
        parts.reload();
    }
    log::info("stopping", {{"service", unit_name(parts.service)}});
    server.drain(std::chrono::seconds(5));
    return EXIT_SUCCESS;
}

void end_daemon(int code, const std::function<void()>& stop_loops) {
    std::thread([code] {
        std::this_thread::sleep_for(std::chrono::seconds(2));
        log::warn("a call does not come back; ending without it");
        log::flush();
        std::_Exit(code);
    }).detach();
    stop_loops();
    log::flush();
    std::_Exit(code);
}

}  // namespace muster::edge
