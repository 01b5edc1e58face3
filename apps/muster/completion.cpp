#include "muster/completion.h"

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "base/version.h"

namespace muster::cli {
namespace {

// Three tables by the words of a command ("muster enrollment create"): what may follow, which options there are, and
// for each option with a value what the value may be: words, FILE, DIR, or - for anything.
struct Tables {
    std::string commands;
    std::string options;
    std::string values;
};

std::string entry(const std::string& key, const std::vector<std::string>& words) {
    return words.empty() ? std::string() : fmt::format("    [\"{}\"]=\"{}\"\n", key, join(words, " "));
}

// "table|json" and "{table,json}" are the two ways in which a type lists its words.
std::vector<std::string> value_words(const std::string& type) {
    if (type.contains("FILE") || type.contains("PATH")) return {"FILE"};
    if (type.contains("DIR")) return {"DIR"};
    const auto open = type.find('{');
    const auto close = type.find('}', open == std::string::npos ? 0 : open);
    const bool braces = open != std::string::npos && close != std::string::npos;
    const auto list = braces ? type.substr(open + 1, close - open - 1) : type;
    const char separator = braces ? ',' : '|';
    if (!list.contains(separator)) return {"-"};
    std::vector<std::string> words;
    for (const auto word : split(list, separator)) words.emplace_back(word);
    return words;
}

std::vector<std::string> all_names(const CLI::Option& option) {
    std::vector<std::string> names;
    for (const auto& name : option.get_lnames()) names.push_back("--" + name);
    for (const auto& name : option.get_snames()) names.push_back("-" + name);
    return names;
}

void collect(const CLI::App& app, const std::string& path, Tables& tables) {
    std::vector<std::string> commands;
    const auto named = [](const CLI::App* each) { return !each->get_name().empty() && !each->get_group().empty(); };
    for (const auto* command : app.get_subcommands(named)) commands.push_back(command->get_name());
    tables.commands += entry(path, commands);

    std::vector<std::string> options;
    for (const auto* option : app.get_options()) {
        const auto names = all_names(*option);
        if (names.empty() || option->get_group().empty()) continue;
        options.push_back(names.front());
        if (option->get_type_size() == 0) continue;
        for (const auto& name : names)
            tables.values += entry(fmt::format("{} {}", path, name), value_words(option->get_type_name()));
    }
    tables.options += entry(path, options);
    for (const auto* command : app.get_subcommands(named))
        collect(*command, fmt::format("{} {}", path, command->get_name()), tables);
}

constexpr const char* script = R"(# bash completion for muster {version}, as printed by `muster completion bash`.
declare -gA _muster_commands=(
{commands})
declare -gA _muster_options=(
{options})
declare -gA _muster_values=(
{values})

_muster() {{
    local word cur=${{COMP_WORDS[COMP_CWORD]}} path=muster option= i
    for ((i = 1; i < COMP_CWORD; ++i)); do
        word=${{COMP_WORDS[i]}}
        # Readline makes "--output=json" three words.
        [[ $word == = ]] && continue
        if [[ -n $option ]]; then
            option=
        elif [[ -n ${{_muster_values[$path $word]}} ]]; then
            option=$word
        elif [[ $word != -* && " ${{_muster_commands[$path]}} " == *" $word "* ]]; then
            path+=" $word"
        fi
    done
    [[ $cur == = ]] && cur=
    COMPREPLY=()
    if [[ -n $option ]]; then
        case ${{_muster_values[$path $option]}} in
            FILE) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
            DIR) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
            -) ;;
            *) mapfile -t COMPREPLY < <(compgen -W "${{_muster_values[$path $option]}}" -- "$cur") ;;
        esac
    elif [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${{_muster_options[$path]}}" -- "$cur")
    else
        mapfile -t COMPREPLY < <(compgen -W "${{_muster_commands[$path]}}" -- "$cur")
    fi
}}
complete -F _muster muster
)";

}  // namespace

std::string bash_completion(const CLI::App& root) {
    Tables tables;
    collect(root, root.get_name(), tables);
    return fmt::format(script, fmt::arg("version", version()), fmt::arg("commands", tables.commands),
                       fmt::arg("options", tables.options), fmt::arg("values", tables.values));
}

}  // namespace muster::cli
