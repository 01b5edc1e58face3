#include "muster/usage.h"

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace muster::cli {
namespace {

// The command that the line got to, and how it is spelled: "muster enrollment".
struct Reached {
    const CLI::App* app;
    std::string path;
};

Reached reached_command(const CLI::App& root) {
    Reached reached{&root, root.get_name()};
    while (!reached.app->get_subcommands().empty()) {
        reached.app = reached.app->get_subcommands().front();
        reached.path += " " + reached.app->get_name();
    }
    return reached;
}

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* command : app.get_subcommands([](const CLI::App* each) { return !each->get_name().empty(); })) {
        names.push_back(command->get_name());
    }
    return names;
}

std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const auto* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    }
    return names;
}

std::string suggestion(const std::string& mistyped, const std::vector<std::string>& candidates) {
    const auto meant = nearest(mistyped, candidates);
    return meant ? fmt::format("; did you mean '{}'?", *meant) : std::string();
}

std::string describe_extra(const Reached& reached, const std::string& extra) {
    if (extra.starts_with('-')) {
        const auto name = extra.substr(0, extra.find('='));
        return fmt::format("there is no option {}{}", printable(name), suggestion(name, option_names(*reached.app)));
    }
    const auto commands = command_names(*reached.app);
    if (commands.empty()) return fmt::format("'{}' is one argument too many", printable(extra));
    auto instead = suggestion(extra, commands);
    // Of the program itself there are too many to say in a line.
    if (instead.empty() && reached.app->get_parent() != nullptr) instead = ": " + join(commands, ", ");
    return fmt::format("there is no command '{}'{}", printable(extra), instead);
}

// The parser's "--path: 1 required FILE missing".
std::string in_words(const std::string& text) {
    constexpr std::string_view begins = ": 1 required ";
    constexpr std::string_view ends = " missing";
    const auto at = text.find(begins);
    if (at == std::string::npos || !text.ends_with(ends)) return text;
    const auto value = text.substr(at + begins.size(), text.size() - at - begins.size() - ends.size());
    return fmt::format("{} needs a value: {}", text.substr(0, at), value);
}

std::string describe(const Reached& reached, const CLI::ParseError& error) {
    // The parser complains about a missing command before it complains about the misspelled one.
    const auto extras = reached.app->remaining();
    if (!extras.empty()) return describe_extra(reached, extras.front());
    const auto commands = command_names(*reached.app);
    if (error.get_name() == "RequiredError" && !commands.empty()) {
        return fmt::format("a command is missing: {}", join(commands, ", "));
    }
    return in_words(error.what());
}

std::string with_way_to_help(const Reached& reached, const std::string& text) {
    return fmt::format("{0}: {1}\n  {0} --help tells more.\n", reached.path, text);
}

}  // namespace

std::string describe_wrong_usage(const CLI::App& root, const CLI::ParseError& error) {
    const auto reached = reached_command(root);
    return with_way_to_help(reached, describe(reached, error));
}

std::string describe_unknown_command(const CLI::App& root) {
    const auto reached = reached_command(root);
    const auto extras = reached.app->remaining();
    if (extras.empty() || command_names(*reached.app).empty()) return {};
    return with_way_to_help(reached, describe_extra(reached, extras.front()));
}

}  // namespace muster::cli
