// `iotedge check` and `iotedge check-list` (facts/device.md 7.3).
#include <cstdio>

#include "base/log.h"
#include "base/text.h"
#include "commands.h"
#include "edge/check/checks.h"
#include "edge/check/report.h"

namespace muster::iotedge {
namespace {

void print(const std::string& text) {
    fmt::print("{}", text);
    (void)std::fflush(stdout);
}

void print_line(const json::object& object) {
    print(json::serialize(object) + "\n");
}

// Tells each result as it comes.
class Teller {
public:
    Teller(const CheckArguments& arguments, const Clock& clock) : arguments_(arguments) {
        if (arguments.output != "json-stream") return;
        json::object info{{"kind", "additional_info"}, {"additional_info", edge::checks::additional_info(clock)}};
        print_line(info);
    }

    void operator()(const edge::checks::Found& found) {
        const bool stream = arguments_.output == "json-stream";
        if (arguments_.output == "json") return;
        if (found.section != section_) {
            const auto begun = edge::checks::heading(found.section);
            if (stream)
                print_line({{"kind", "section"}, {"name", found.section}});
            else
                print(section_.empty() ? begun : "\n" + begun);
            section_ = found.section;
        }
        if (stream)
            print_line(edge::checks::check_line(found));
        else
            print(edge::checks::text_of(found, arguments_.verbose));
    }

private:
    const CheckArguments& arguments_;
    std::string section_;
};

bool knows_all(const std::set<std::string>& ids) {
    std::vector<std::string> known;
    for (const auto& listed : edge::checks::list()) known.push_back(listed.id);
    for (const auto& id : ids) {
        if (std::ranges::find(known, id) != known.end()) continue;
        const auto meant = nearest(id, known);
        fmt::print(stderr, "--dont-run: there is no check \"{}\"{}\n", printable(id),
                   meant ? fmt::format(" (did you mean \"{}\"?)", *meant) : std::string());
        return false;
    }
    return true;
}

}  // namespace

edge::checks::Options check_options(const CheckArguments& arguments) {
    edge::checks::Options options;
    for (auto id : split(arguments.dont_run, ' '))
        if (!trim(id).empty()) options.dont_run.emplace(trim(id));
    options.iothub_hostname = arguments.iothub_hostname;
    options.proxy_uri = arguments.proxy_uri;
    options.ntp_server = arguments.ntp_server;
    options.expected_version = arguments.expected_version;
    return options;
}

int check(const edge::Paths& paths, const CheckArguments& arguments) {
    const SystemClock clock;
    // What the rooms log is said by the checks themselves.
    log::start(log::Level::error, log::Format::human);
    log::set_level(log::Level::error);
    const auto options = check_options(arguments);
    if (!knows_all(options.dont_run)) return wrong_usage;
    warn_without_root(paths);
    for (const auto& name : arguments.without_effect)
        fmt::print(stderr, "note: {} has no effect: no container is needed here\n", name);
    Teller tell(arguments, clock);
    const auto all = edge::checks::run(paths, options, clock, std::ref(tell));
    if (arguments.output == "json") print(pretty(edge::checks::to_json(all, clock)) + "\n");
    if (arguments.output == "text") print("\n" + edge::checks::totals(all, arguments.verbose));
    const bool failed = std::ranges::any_of(
        all, [&](const auto& found) { return edge::checks::is_failure(found, arguments.warnings_as_errors); });
    return failed ? refused : done;
}

int check_list(const std::string& output) {
    if (output == "json") {
        json::array all;
        for (const auto& listed : edge::checks::list())
            all.push_back(
                json::object{{"category", listed.section}, {"id", listed.id}, {"description", listed.description}});
        print(pretty(all) + "\n");
        return done;
    }
    std::string section;
    for (const auto& listed : edge::checks::list()) {
        if (listed.section != section)
            print(fmt::format("{}CATEGORY: {}\n", section.empty() ? "" : "\n", listed.section));
        section = listed.section;
        print(fmt::format("    {:<46}  {}\n", listed.id, listed.description));
    }
    return done;
}

}  // namespace muster::iotedge
