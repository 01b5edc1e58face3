// musterd: the service. Arguments in, rooms wired, exit code out: 0 stopped as asked, 1 could not run, 2 wrong
// usage or configuration, which trying again does not mend.
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include <CLI/CLI.hpp>

#include "base/version.h"
#include "certificate_watch.h"
#include "maintenance.h"
#include "notify.h"
#include "pki/direct_ec.h"
#include "service.h"

namespace {

using namespace muster;
using namespace muster::musterd;

// For whoever looks, at the journal or at `systemctl status`.
void print_error(const Error& error) {
    fmt::print(stderr, "musterd: {}\n", error.chain());
    if (!error.hint().empty()) fmt::print(stderr, "         {}\n", error.hint());
    static_cast<void>(notify_systemd(status_line(error.chain() + (error.hint().empty() ? "" : ". " + error.hint()))));
}

// Blocked before any thread starts, so that only sigwait below sees them.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    (void)std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

// A systemd that cannot be told is a systemd's trouble: the service goes on, the log says so.
void tell_systemd(std::string_view state) {
    if (const auto told = notify_systemd(state); !told) log::warn("notify", {{"error", told.error().chain()}});
}

// What ends a sleep: a signal, the service that cannot go on, a change of the certificate's files, a day that went by.
class Wakeups {
public:
    Wakeups(const sigset_t& signals, const Service& service)
        : signals_(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC)), ending_(service.ending_fd()) {
        const auto files = service.certificate_files();
        if (files.empty()) return;
        auto watch = CertificateWatch::create(files);
        if (watch) {
            files_ = std::move(*watch);
        } else {
            log::warn("the certificate's files are not watched: SIGHUP after a change",
                      {{"error", watch.error().chain()}});
        }
    }
    ~Wakeups() { ::close(signals_); }
    Wakeups(const Wakeups&) = delete;
    Wakeups& operator=(const Wakeups&) = delete;

    enum class What { end, reload };
    What next() {
        for (;;) {
            std::array polled{pollfd{signals_, POLLIN, 0}, pollfd{files_ ? files_->fd() : -1, POLLIN, 0},
                              pollfd{ending_, POLLIN, 0}};
            const int ready = ::poll(polled.data(), polled.size(), settling_ ? settling_time : a_day);
            if (ready < 0 && errno == EINTR) continue;
            // Certificate and key are two files: read once nothing has changed for a moment. Otherwise a day went by,
            // which is soon enough: our own certificate is made anew two months before its end.
            if (ready == 0) {
                settling_ = false;
                return What::reload;
            }
            if (polled[2].revents != 0) return What::end;
            if (files_ && (polled[1].revents & POLLIN) != 0 && files_->changed()) settling_ = true;
            if (const auto number = taken_signal()) return number == SIGHUP ? What::reload : What::end;
        }
    }

private:
    static constexpr int a_day = 86'400'000;
    static constexpr int settling_time = 500;

    std::optional<int> taken_signal() const {
        signalfd_siginfo info{};
        if (::read(signals_, &info, sizeof info) != sizeof info) return std::nullopt;
        return static_cast<int>(info.ssi_signo);
    }

    int signals_;
    int ending_;
    std::unique_ptr<CertificateWatch> files_;
    bool settling_ = false;
};

void wait_for_end(Wakeups& wakeups, Service& service) {
    while (wakeups.next() == Wakeups::What::reload) service.reload_certificate();
}

std::optional<Settings> read_settings(const Options& options) {
    auto loaded = load_settings(options);
    if (!loaded) {
        print_error(loaded.error());
        return std::nullopt;
    }
    for (const auto& problem : loaded->problems) {
        fmt::print(stderr, "{}\n", problem.text());
        if (!problem.hint.empty()) fmt::print(stderr, "         {}\n", problem.hint);
    }
    if (!loaded->problems.empty()) {
        static_cast<void>(notify_systemd(status_line(loaded->problems.front().text())));
        return std::nullopt;
    }
    return std::move(loaded->settings);
}

int report(const Result<std::string>& done) {
    log::flush();
    if (!done) {
        print_error(done.error());
        return 1;
    }
    fmt::print("{}", *done);
    return 0;
}

int serve(Settings settings) {
    const auto signals = block_signals();
    pki::use_direct_ec_keys();
    log::start(settings.log_level, settings.log_format);
    auto service = Service::start(std::move(settings));
    if (!service) {
        log::flush();
        print_error(service.error());
        return 1;
    }
    fmt::print("{}", (*service)->welcome());
    (void)std::fflush(stdout);
    Wakeups wakeups(signals, **service);
    tell_systemd("READY=1");
    wait_for_end(wakeups, **service);
    tell_systemd("STOPPING=1");
    (*service)->stop();
    log::flush();
    const auto fault = (*service)->fault();
    if (!fault) return 0;
    print_error(*fault);
    return 1;
}

int run(const Options& options) {
    auto settings = read_settings(options);
    if (!settings) return 2;
    if (options.copy_to_postgresql) return report(copy_to_postgresql(*settings));
    if (options.take_host_name) return report(take_host_name(*settings));
    return serve(std::move(*settings));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app(
        "Gives a fleet of edge devices its identity: a provisioning service and a hub's registry on your own ground.",
        "musterd");
    app.set_version_flag("--version", fmt::format("musterd {}", version()));
    Options options;
    app.add_option("--config", options.config,
                   fmt::format("Configuration file; default {} if it is there", default_config));
    app.add_option("--data-dir", options.data_dir, "Where keys, certificates and records are; default /var/lib/muster");
    app.add_option("--log-format", options.log_format, "text or json");
    app.add_option("--log-level", options.log_level, "error, warn, info, debug or trace");
    auto* copy = app.add_flag("--copy-to-postgresql", options.copy_to_postgresql,
                              "Copy the store of the data directory into the empty database of [store], and end");
    app.add_flag("--take-host-name", options.take_host_name,
                 "Take the configured host_name for all musterds that share the database of [store], and end")
        ->excludes(copy);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run(options);
}
