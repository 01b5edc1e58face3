#include "muster/help.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "muster/table.h"

namespace muster::cli {
namespace {

constexpr std::size_t text_column = 30;
constexpr std::size_t help_width = 100;

// A name at the left and its text beside it, or below when the name is long.
std::string entry(const std::string& name, std::string_view text) {
    auto left = "  " + name;
    std::string out;
    if (display_width(left) + 2 > text_column) {
        out = left + '\n';
        left.clear();
    }
    for (const auto& line : wrap_words(text, help_width - text_column)) {
        out += pad_to_width(left, text_column) + line + '\n';
        left.clear();
    }
    return out;
}

std::string one_line(std::string text) {
    std::ranges::replace(text, '\n', ' ');
    return text;
}

// What the library says of a type, shorter: "UINT:INT in [1 - 9]" is a number, "TEXT:{a,b}" one of two words.
std::string type_text(const std::string& type) {
    const auto open = type.find('{');
    if (open != std::string::npos && type.ends_with('}')) {
        auto words = type.substr(open + 1, type.size() - open - 2);
        std::ranges::replace(words, ',', '|');
        return words;
    }
    return type.starts_with("UINT") || type.starts_with("INT") ? "N" : type;
}

class HelpFormatter : public CLI::Formatter {
public:
    HelpFormatter() {
        label("Positionals", "Arguments");
        label("SUBCOMMAND", "COMMAND");
        label("OPTIONS", "options");
    }

    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
        const auto text = CLI::Formatter::make_help(app, std::move(name), mode);
        return CLI::detail::find_and_replace(text, "\n\n\n", "\n\n");
    }

    std::string make_description(const CLI::App* app) const override { return app->get_description() + ".\n\n"; }

    std::string make_option(const CLI::Option* option, bool positional) const override {
        if (positional) return entry(option->get_name(true, false), option->get_description());
        std::vector<std::string> names;
        for (const auto& name : option->get_snames()) names.push_back("-" + name);
        for (const auto& name : option->get_lnames()) names.push_back("--" + name);
        auto left = join(names, ", ");
        if (option->get_type_size() != 0) left += " " + type_text(option->get_type_name());
        return entry(left, option->get_description());
    }

    std::string make_subcommand(const CLI::App* command) const override {
        return entry(command->get_name(), one_line(command->get_description()));
    }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> make_help_formatter() {
    return std::make_shared<HelpFormatter>();
}

}  // namespace muster::cli
