// The services under `aziotd run`.
#include <unistd.h>

#include <cstdio>

#include "base/clock.h"
#include "base/text.h"
#include "edge/supervisor/client.h"
#include "services.h"
#include "time_argument.h"

namespace muster::iotedge {
namespace {

struct LogOptions {
    std::optional<std::size_t> lines;
    std::optional<TimePoint> since;
    bool follow = false;
};

// journalctl's own options, as far as they have a meaning without a journal.
Result<LogOptions> parse_options(const std::vector<std::string>& arguments) {
    LogOptions options;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        auto name = arguments[i];
        std::optional<std::string> value;
        if (const auto equals = name.find('='); name.starts_with("--") && equals != std::string::npos) {
            value = name.substr(equals + 1);
            name.resize(equals);
        } else if (name.starts_with("-n") && name.size() > 2) {
            value = name.substr(2);
            name.resize(2);
        }
        if (name == "-f" || name == "--follow") {
            options.follow = true;
            continue;
        }
        if (name == "--no-pager") continue;
        const bool lines = name == "-n" || name == "--lines";
        if (!lines && name != "--since" && name != "-S")
            return fail(Error(Errc::invalid_argument,
                              fmt::format("without systemd there is no journalctl option {}", arguments[i]))
                            .with_hint("known here: -n/--lines N, -f/--follow, -S/--since TIME"));
        if (!value && ++i < arguments.size()) value = arguments[i];
        if (!value) return fail(Errc::invalid_argument, "{} needs a value", name);
        if (lines) {
            options.lines = parse_integer<std::size_t>(*value);
            if (!options.lines)
                return fail(Errc::invalid_argument, "{} needs a number, not \"{}\"", name, printable(*value));
        } else {
            MUSTER_TRY(options.since, parse_time("--since", *value));
        }
    }
    // As journalctl does it.
    if (options.follow && !options.lines && !options.since) options.lines = 10;
    return options;
}

void print(const edge::supervisor::LogPage& page) {
    for (const auto& line : page.lines) fmt::print("{}: {}\n", line.service, line.text);
    static_cast<void>(std::fflush(stdout));
}

std::string shown_state(const std::string& state) {
    if (state == "running") return "Running";
    if (state == "ready") return "Ready";
    if (state == "failed") return "Down - failed";
    return "Down - inactive";
}

class Supervised final : public Services {
public:
    explicit Supervised(const edge::Paths& paths) : client_(paths) {}

    Result<std::vector<ServiceState>> status() override {
        MUSTER_TRY(const auto reports, client_.status());
        std::vector<ServiceState> out;
        for (const auto& name : service_names())
            for (const auto& report : reports)
                if (report.name == name) out.push_back(state_of(report));
        return out;
    }

    Result<> restart() override { return client_.restart(); }
    Result<> stop() override { return client_.stop(); }
    Result<> set_log_level(const std::string& level) override { return client_.set_log_level(level); }

    Result<std::string> log_of(const std::string& service, TimePoint since, TimePoint until) override {
        MUSTER_TRY(const auto page, client_.logs(std::nullopt, 0, since, {}));
        std::string text;
        for (const auto& line : page.lines)
            if (line.service == service && line.time <= until) text += line.text + "\n";
        return text;
    }

    // They have this process's, or one that nobody can ask for.
    Result<Environment> environment(const std::string&) override { return Environment{}; }

    Result<> logs(const std::vector<std::string>& arguments) override {
        MUSTER_TRY(const auto options, parse_options(arguments));
        MUSTER_TRY(auto page, client_.logs(options.lines, 0, options.since, {}));
        print(page);
        while (options.follow) {
            MUSTER_TRY(page, client_.logs(std::nullopt, page.newest, options.since, std::chrono::seconds(25)));
            print(page);
        }
        return {};
    }

private:
    static ServiceState state_of(const edge::supervisor::ServiceReport& report) {
        ServiceState state{report.name, shown_state(report.state), report.reason, {}};
        if (report.state == "unconfigured") state.reason = "it waits for a configuration: sudo iotedge config apply";
        if (!state.good()) state.last_lines = report.last_lines;
        return state;
    }

    edge::supervisor::Client client_;
};

}  // namespace

std::unique_ptr<Services> supervised_services(const edge::Paths& paths) {
    return std::make_unique<Supervised>(paths);
}

}  // namespace muster::iotedge
