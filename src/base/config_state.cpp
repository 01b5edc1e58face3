#include "base/config_state.h"

#include <sstream>

#include "base/text.h"
#include "base/toml_quote.h"

namespace muster {
namespace config_detail {

std::size_t line_of(const toml::node& node) {
    return node.source().begin.line;
}

std::size_t line_of(const toml::key& key, const toml::node& node) {
    const std::size_t line = key.source().begin.line;
    return line != 0 ? line : line_of(node);
}

ConfigKind kind_of(const toml::node* node) {
    if (node == nullptr) return ConfigKind::absent;
    switch (node->type()) {
        case toml::node_type::string: return ConfigKind::string;
        case toml::node_type::integer: return ConfigKind::integer;
        case toml::node_type::floating_point: return ConfigKind::real;
        case toml::node_type::boolean: return ConfigKind::boolean;
        case toml::node_type::table: return ConfigKind::table;
        case toml::node_type::array: return ConfigKind::array;
        default: return ConfigKind::other;
    }
}

std::string_view kind_name(ConfigKind kind) {
    switch (kind) {
        case ConfigKind::absent: return "absent";
        case ConfigKind::string: return "a string";
        case ConfigKind::integer: return "an integer";
        case ConfigKind::real: return "a decimal number";
        case ConfigKind::boolean: return "true or false";
        case ConfigKind::table: return "a table";
        case ConfigKind::array: return "an array";
        case ConfigKind::other: return "a date or time";
    }
    return "something else";
}

std::string join_path(const std::string& parent, std::string_view name) {
    return parent.empty() ? toml_key(name) : parent + "." + toml_key(name);
}

std::string value_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return toml_string(text->get());
    std::vector<std::string> parts;
    if (const auto* array = node.as_array()) {
        for (const auto& element : *array) parts.push_back(value_text(element));
        return "[" + join(parts, ", ") + "]";
    }
    if (const auto* table = node.as_table()) {
        for (const auto& [key, value] : *table) parts.push_back(toml_key(key.str()) + " = " + value_text(value));
        return parts.empty() ? "{}" : "{ " + join(parts, ", ") + " }";
    }
    std::ostringstream out;
    out << toml::toml_formatter(node);
    return std::move(out).str();
}

namespace {

// A value of another kind that was meant for the wanted one; empty when nobody can tell. What may be a secret stays
// out.
std::string written_right(std::string_view name, std::string_view wanted, const toml::node& value) {
    const auto key = toml_key(name);
    if (wanted == "a string" && !value.is_table() && !value.is_array())
        return fmt::format("put the value in quotes: {} = \"...\"", key);
    const auto* text = value.as_string();
    if (text == nullptr) return {};
    const bool number = wanted == "an integer" && parse_integer<std::int64_t>(text->get()).has_value();
    const bool flag = wanted == "true or false" && (text->get() == "true" || text->get() == "false");
    if (number || flag) return fmt::format("{} = {}", key, text->get());
    if (wanted == "an array of strings") return fmt::format("{} = [\"...\"]", key);
    return {};
}

// scope_id for id_scope
std::optional<std::string> in_another_order(std::string_view name, const std::vector<std::string>& candidates) {
    const auto words = [](std::string_view of) {
        auto all = split(of, '_');
        std::ranges::sort(all);
        return all;
    };
    const auto found =
        std::ranges::find_if(candidates, [&](const auto& candidate) { return words(candidate) == words(name); });
    return found == candidates.end() ? std::nullopt : std::optional(*found);
}

// Rather a name that does not stand in the table yet.
std::optional<std::string> meant(const OpenTable& in, std::string_view name,
                                 const std::vector<std::string>& candidates) {
    std::vector<std::string> absent;
    std::ranges::copy_if(candidates, std::back_inserter(absent),
                         [&](const auto& candidate) { return !in.table->contains(candidate); });
    if (auto reordered = in_another_order(name, absent)) return reordered;
    if (auto close = nearest(name, absent)) return close;
    return nearest(name, candidates);
}

}  // namespace
}  // namespace config_detail

using namespace config_detail;

std::size_t Config::State::open_table(const toml::table& table, std::string path, std::size_t line) {
    const auto found = index.find(&table);
    if (found != index.end()) return found->second;
    open.push_back({&table, std::move(path), line, {}, {}});
    index[&table] = open.size() - 1;
    return open.size() - 1;
}

const toml::node* Config::State::ask(std::size_t node, std::string_view name) {
    open[node].asked.emplace(name);
    return open[node].table->get(name);
}

std::size_t Config::State::line(std::size_t node, std::string_view name) const {
    const auto& table = *open[node].table;
    if (const auto it = table.find(name); it != table.end()) return line_of(it->first, it->second);
    return open[node].line;
}

void Config::State::note(std::size_t node, std::string_view name, std::string message, std::string hint) {
    if (!name.empty()) open[node].asked.emplace(name);
    noted.push_back({source, line(node, name), name.empty() ? open[node].path : join_path(open[node].path, name),
                     std::move(message), std::move(hint)});
}

void Config::State::wrong_kind(std::size_t node, std::string_view name, std::string_view wanted,
                               const toml::node& value) {
    note(node, name, fmt::format("must be {}, not {}", wanted, kind_name(kind_of(&value))),
         written_right(name, wanted, value));
}

void Config::State::accept_all(const toml::node& value) {
    if (const auto* array = value.as_array())
        for (const auto& element : *array) accept_all(element);
    const auto* table = value.as_table();
    if (table == nullptr) return;
    const auto opened = index.find(table);
    for (const auto& [key, member] : *table) {
        if (opened != index.end()) open[opened->second].asked.emplace(key.str());
        accept_all(member);
    }
}

// The one other open table in which this name would have been understood.
const OpenTable* Config::State::home_of(std::string_view name) const {
    const OpenTable* home = nullptr;
    for (const auto& candidate : open) {
        if (!candidate.asked.contains(name) && !candidate.also_known.contains(name)) continue;
        if (home != nullptr) return nullptr;
        home = &candidate;
    }
    return home;
}

ConfigProblem Config::State::unknown(const OpenTable& in, std::string_view name, std::size_t at) const {
    ConfigProblem problem{source, at, join_path(in.path, name), "unknown key", {}};
    if (const auto* home = home_of(name)) {
        problem.message = home->path.empty() ? "unknown key here: it belongs to the top of the file"
                                             : fmt::format("unknown key here: it belongs to [{}]", home->path);
        problem.hint = home->path.empty() ? "move the line above the first [table] of the file"
                                          : fmt::format("move the line below the header [{}]", home->path);
        return problem;
    }
    std::vector<std::string> candidates(in.asked.begin(), in.asked.end());
    candidates.insert(candidates.end(), in.also_known.begin(), in.also_known.end());
    if (const auto close = meant(in, name, candidates)) {
        problem.message += fmt::format(" (did you mean \"{}\"?)", *close);
    } else if (!candidates.empty() && candidates.size() <= 12) {
        std::ranges::sort(candidates);
        problem.message += fmt::format(" (known here: {})", join(candidates, ", "));
    }
    return problem;
}

void Config::State::find_unknown(std::vector<ConfigProblem>& out) const {
    for (const auto& in : open)
        for (const auto& [key, value] : *in.table)
            if (!in.asked.contains(key.str())) out.push_back(unknown(in, key.str(), line_of(key, value)));
}

}  // namespace muster
