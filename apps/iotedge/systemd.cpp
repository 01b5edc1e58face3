// The services as systemd units.
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "process.h"
#include "services.h"

namespace muster::iotedge {
namespace {

constexpr const char* most_lines = "20000";  // of one service in a support bundle

std::vector<std::string> units(std::string_view suffix) {
    std::vector<std::string> out;
    for (const auto& name : service_names()) out.push_back(name + std::string(suffix));
    return out;
}

Result<> systemctl(std::vector<std::string> arguments, const std::vector<std::string>& of_units) {
    arguments.insert(arguments.begin(), "systemctl");
    arguments.insert(arguments.end(), of_units.begin(), of_units.end());
    MUSTER_TRY(const auto code, run_visibly(arguments));
    if (code != 0) return fail(Errc::unavailable, "`{}` failed with exit code {}", join(arguments, " "), code);
    return {};
}

// What `systemctl show` says of one unit.
Result<std::map<std::string, std::string>> properties(const std::string& unit) {
    MUSTER_TRY(const auto shown,
               run_program({"systemctl", "show", "--property=LoadState,ActiveState,SubState,Result", unit}));
    if (shown.exit_code != 0) return fail(Errc::unavailable, "`systemctl show {}` failed", unit);
    std::map<std::string, std::string> out;
    for (const auto line : split(shown.output, '\n'))
        if (const auto equals = line.find('='); equals != std::string_view::npos)
            out[std::string(line.substr(0, equals))] = std::string(line.substr(equals + 1));
    return out;
}

// As systemd prints Environment=: A=1 "B=two words" C=\"quoted\".
std::vector<std::string> split_assignments(std::string_view text) {
    std::vector<std::string> out;
    std::string word;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '\\' && i + 1 < text.size()) {
            word += text[++i];
        } else if (c == '"') {
            quoted = !quoted;
        } else if (c == ' ' && !quoted) {
            if (!word.empty()) out.push_back(std::exchange(word, {}));
        } else {
            word += c;
        }
    }
    if (!word.empty()) out.push_back(std::move(word));
    return out;
}

class Systemd final : public Services {
public:
    Result<std::vector<ServiceState>> status() override {
        std::vector<ServiceState> out;
        for (const auto& name : service_names()) {
            MUSTER_TRY(auto state, status_of(name));
            out.push_back(std::move(state));
        }
        return out;
    }

    Result<> restart() override {
        MUSTER_CHECK(systemctl({"stop"}, units(".service")));
        MUSTER_CHECK(systemctl({"reset-failed"}, units(".service")));
        MUSTER_CHECK(systemctl({"reset-failed"}, units(".socket")));
        MUSTER_CHECK(systemctl({"start"}, units(".socket")));
        // The others start when they are asked for.
        return systemctl({"start"}, {"aziot-identityd.service"});
    }

    Result<> stop() override { return systemctl({"stop"}, units(".service")); }

    Result<> set_log_level(const std::string& level) override {
        for (const auto& name : service_names()) {
            const std::filesystem::path directory = fmt::format("/etc/systemd/system/{}.service.d", name);
            MUSTER_CHECK(make_directories(directory, 0755));
            MUSTER_CHECK(write_file_atomic(directory / "log-level.conf",
                                           fmt::format("[Service]\nEnvironment=AZIOT_LOG={}\n", level), 0644));
        }
        return systemctl({"daemon-reload"}, {});
    }

    Result<std::string> log_of(const std::string& service, TimePoint since, TimePoint until) override {
        const auto at = [](TimePoint time) {
            return fmt::format("@{}", std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count());
        };
        MUSTER_TRY(const auto journal, run_program({"journalctl", "--no-pager", "-o", "short-iso", "-n", most_lines,
                                                    "-u", service, "--since", at(since), "--until", at(until)}));
        if (journal.exit_code != 0)
            return fail(Errc::unavailable, "journalctl failed with exit code {}", journal.exit_code);
        return journal.output;
    }

    Result<Environment> environment(const std::string& service) override {
        MUSTER_TRY(const auto shown,
                   run_program({"systemctl", "show", "--value", "--property=Environment", service + ".service"}));
        if (shown.exit_code != 0) return fail(Errc::unavailable, "`systemctl show {}` failed", service);
        Environment out;
        for (const auto& word : split_assignments(trim(shown.output)))
            if (const auto equals = word.find('='); equals != std::string::npos)
                out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
        return out;
    }

    Result<> logs(const std::vector<std::string>& arguments) override {
        std::vector<std::string> words{"journalctl"};
        for (const auto& name : service_names()) {
            words.emplace_back("-u");
            words.push_back(name);
        }
        words.insert(words.end(), arguments.begin(), arguments.end());
        MUSTER_TRY(const auto code, run_visibly(words));
        if (code != 0) return fail(Errc::unavailable, "journalctl failed with exit code {}", code);
        return {};
    }

private:
    static Result<ServiceState> status_of(const std::string& name) {
        MUSTER_TRY(auto service, properties(name + ".service"));
        if (service["LoadState"] == "not-found")
            return ServiceState{name, "Down - inactive", "its unit is not installed", {}};
        const auto& active = service["ActiveState"];
        if (active == "active") return ServiceState{name, "Running", {}, {}};
        if (active == "inactive") {
            MUSTER_TRY(auto socket, properties(name + ".socket"));
            if (socket["ActiveState"] == "active") return ServiceState{name, "Ready", {}, {}};
        }
        ServiceState state{name, "Down - " + active, service["Result"] == "success" ? "" : service["Result"], {}};
        MUSTER_TRY(const auto journal,
                   run_program({"journalctl", "--no-pager", "-n", "10", "-o", "short-iso", "-u", name}));
        for (const auto line : split(trim(journal.output), '\n')) state.last_lines.emplace_back(line);
        return state;
    }
};

}  // namespace

std::unique_ptr<Services> systemd_services() {
    return std::make_unique<Systemd>();
}

}  // namespace muster::iotedge
