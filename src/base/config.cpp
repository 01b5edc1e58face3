#include "base/config.h"

#include <toml++/toml.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "base/file.h"
#include "base/text.h"

namespace muster {
namespace {

constexpr std::size_t file_limit = 1024 * 1024;
// More levels than anyone writes; without a bound a line of dots would nest tables until the stack is gone.
constexpr std::size_t dots_per_line = 2000;

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

bool is_bare_key(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    });
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7f) {
            out += fmt::format("\\u{:04X}", byte);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string key_text(std::string_view name) {
    return is_bare_key(name) ? std::string(name) : in_quotes(name);
}

std::string join_path(const std::string& parent, std::string_view name) {
    return parent.empty() ? key_text(name) : parent + "." + key_text(name);
}

std::string value_text(const toml::node& node) {
    if (const auto* text = node.as_string()) return in_quotes(text->get());
    std::vector<std::string> parts;
    if (const auto* array = node.as_array()) {
        for (const auto& element : *array) parts.push_back(value_text(element));
        return "[" + join(parts, ", ") + "]";
    }
    if (const auto* table = node.as_table()) {
        for (const auto& [key, value] : *table) parts.push_back(key_text(key.str()) + " = " + value_text(value));
        return parts.empty() ? "{}" : "{ " + join(parts, ", ") + " }";
    }
    std::ostringstream out;
    out << toml::toml_formatter(node);
    return std::move(out).str();
}

// "key = Word" is the commonest slip of all, and the published how-to makes it: the value lacks its quotes.
std::string parse_hint(std::string_view line) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return {};
    const auto key = trim(line.substr(0, equals));
    auto value = trim(line.substr(equals + 1));
    value = trim(value.substr(0, value.find('#')));
    if (!is_bare_key(key) || value.empty() || value.find_first_of("\"'{}[]") != std::string_view::npos) return {};
    return fmt::format("put the value in quotes: {} = {}", key, in_quotes(value));
}

std::unexpected<Error> parse_failure(const toml::parse_error& error, std::string_view text, const std::string& source) {
    const auto at = error.source().begin;
    const auto lines = split(text, '\n');
    const auto line = at.line >= 1 && at.line <= lines.size() ? lines[at.line - 1] : std::string_view();
    std::string hint = parse_hint(line);
    const auto what = error.description();
    if (hint.empty() && what.find("redefine") != std::string_view::npos)
        hint = "it is already defined above: keep one of the two and comment the other out with #";
    Error out(Errc::invalid_argument, fmt::format("{}:{}:{}: {}", source, at.line, at.column, printable(what, 400)));
    return fail(std::move(out).with_hint(std::move(hint)));
}

}  // namespace

std::string ConfigProblem::text() const {
    std::string out = source;
    if (line != 0) out += fmt::format(":{}", line);
    out += ": ";
    if (!key.empty()) out += key + ": ";
    return out + message;
}

// One record per table that a reader has opened.
struct OpenTable {
    const toml::table* table;
    std::string path;
    std::size_t line;
    std::set<std::string, std::less<>> asked;  // names that a reader wanted, present or not
    std::set<std::string, std::less<>> also_known;
};

struct Config::State {
    std::string source;
    toml::table root;
    std::deque<OpenTable> open;
    std::map<const toml::table*, std::size_t> index;
    std::vector<ConfigProblem> noted;

    std::size_t open_table(const toml::table& table, std::string path, std::size_t line) {
        const auto found = index.find(&table);
        if (found != index.end()) return found->second;
        open.push_back({&table, std::move(path), line, {}, {}});
        index[&table] = open.size() - 1;
        return open.size() - 1;
    }

    // The value, its name marked as asked for.
    const toml::node* ask(std::size_t node, std::string_view name) {
        open[node].asked.emplace(name);
        return open[node].table->get(name);
    }

    std::size_t line(std::size_t node, std::string_view name) const {
        const auto& table = *open[node].table;
        if (const auto it = table.find(name); it != table.end()) return line_of(it->first, it->second);
        return open[node].line;
    }

    // A key with a problem of its own is not called unknown besides.
    void note(std::size_t node, std::string_view name, std::string message, std::string hint) {
        if (!name.empty()) open[node].asked.emplace(name);
        noted.push_back({source, line(node, name), name.empty() ? open[node].path : join_path(open[node].path, name),
                         std::move(message), std::move(hint)});
    }

    void wrong_kind(std::size_t node, std::string_view name, std::string_view wanted, const toml::node& value) {
        note(node, name, fmt::format("must be {}, not {}", wanted, kind_name(kind_of(&value))), {});
    }

    // A value that is carried as it is has no unknown keys, also where a reader has looked into it.
    void accept_all(const toml::node& value) {
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
    const OpenTable* home_of(std::string_view name) const {
        const OpenTable* home = nullptr;
        for (const auto& candidate : open) {
            if (!candidate.asked.contains(name) && !candidate.also_known.contains(name)) continue;
            if (home != nullptr) return nullptr;
            home = &candidate;
        }
        return home;
    }

    ConfigProblem unknown(const OpenTable& in, std::string_view name, std::size_t at) const {
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
        if (const auto close = nearest(name, candidates)) {
            problem.message += fmt::format(" (did you mean \"{}\"?)", *close);
        } else if (!candidates.empty() && candidates.size() <= 12) {
            std::ranges::sort(candidates);
            problem.message += fmt::format(" (known here: {})", join(candidates, ", "));
        }
        return problem;
    }

    void find_unknown(std::vector<ConfigProblem>& out) const {
        for (const auto& in : open)
            for (const auto& [key, value] : *in.table)
                if (!in.asked.contains(key.str())) out.push_back(unknown(in, key.str(), line_of(key, value)));
    }
};

Config::Config(std::unique_ptr<State> state) : state_(std::move(state)) {}
Config::Config(Config&&) noexcept = default;
Config& Config::operator=(Config&&) noexcept = default;
Config::~Config() = default;

Result<Config> Config::parse(std::string_view text, std::string source) {
    std::size_t number = 0;
    for (const auto line : split(text, '\n')) {
        ++number;
        if (std::ranges::count(line, '.') > static_cast<std::ptrdiff_t>(dots_per_line))
            return fail(Errc::invalid_argument, "{}:{}: more than {} dots on one line", source, number, dots_per_line);
    }
    auto state = std::make_unique<State>();
    state->source = std::move(source);
    try {
        state->root = toml::parse(text);
    } catch (const toml::parse_error& error) {
        return parse_failure(error, text, state->source);
    }
    state->open_table(state->root, {}, 0);
    return Config(std::move(state));
}

Result<Config> Config::load(const std::string& path) {
    MUSTER_TRY(const auto text, read_file(path, file_limit));
    return parse(text, path);
}

ConfigSection Config::root() {
    return ConfigSection(state_.get(), 0);
}

std::vector<ConfigProblem> Config::problems() const {
    auto all = state_->noted;
    state_->find_unknown(all);
    // By line; on one line in the order in which they were found.
    std::multimap<std::size_t, ConfigProblem> by_line;
    for (auto& problem : all) by_line.emplace(problem.line, std::move(problem));
    all.clear();
    for (auto& [line, problem] : by_line) all.push_back(std::move(problem));
    return all;
}

ConfigKind ConfigSection::kind(std::string_view name) const {
    return kind_of(state_->ask(node_, name));
}

std::optional<std::string> ConfigSection::string(std::string_view name) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return std::nullopt;
    if (const auto* text = value->as_string()) return text->get();
    state_->wrong_kind(node_, name, "a string", *value);
    return std::nullopt;
}

std::optional<bool> ConfigSection::boolean(std::string_view name) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return std::nullopt;
    if (const auto* flag = value->as_boolean()) return flag->get();
    state_->wrong_kind(node_, name, "true or false", *value);
    return std::nullopt;
}

std::optional<std::int64_t> ConfigSection::integer(std::string_view name, std::int64_t minimum,
                                                   std::int64_t maximum) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return std::nullopt;
    const auto* number = value->as_integer();
    if (number == nullptr) {
        state_->wrong_kind(node_, name, "an integer", *value);
        return std::nullopt;
    }
    if (number->get() < minimum || number->get() > maximum) {
        problem(name, fmt::format("must be between {} and {}, not {}", minimum, maximum, number->get()));
        return std::nullopt;
    }
    return number->get();
}

std::optional<std::vector<std::string>> ConfigSection::strings(std::string_view name) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return std::nullopt;
    const auto* array = value->as_array();
    if (array == nullptr) {
        state_->wrong_kind(node_, name, "an array of strings", *value);
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (const auto& element : *array) {
        const auto* text = element.as_string();
        if (text == nullptr) {
            problem(name, fmt::format("must hold strings alone, not {}", kind_name(kind_of(&element))));
            return std::nullopt;
        }
        out.push_back(text->get());
    }
    return out;
}

std::optional<ConfigSection> ConfigSection::table(std::string_view name) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return std::nullopt;
    if (const auto* table = value->as_table())
        return ConfigSection(state_, state_->open_table(*table, path(name), line(name)));
    state_->wrong_kind(node_, name, "a table", *value);
    return std::nullopt;
}

std::vector<ConfigSection> ConfigSection::tables(std::string_view name) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return {};
    const auto* array = value->as_array();
    if (array == nullptr) {
        state_->wrong_kind(node_, name, "an array of tables", *value);
        return {};
    }
    std::vector<ConfigSection> out;
    for (std::size_t i = 0; i < array->size(); ++i) {
        const auto* element = array->get(i);
        if (const auto* table = element->as_table()) {
            auto where = fmt::format("{}[{}]", path(name), i);
            out.push_back(ConfigSection(state_, state_->open_table(*table, std::move(where), line_of(*element))));
        } else {
            problem(name, fmt::format("must hold tables alone, not {}", kind_name(kind_of(element))));
        }
    }
    return out;
}

std::optional<std::string> ConfigSection::choice(std::string_view name, const std::vector<std::string>& allowed) const {
    auto value = string(name);
    if (!value || std::ranges::find(allowed, *value) != allowed.end()) return value;
    std::vector<std::string> shown;
    for (const auto& word : allowed) shown.push_back(in_quotes(word));
    const auto close = nearest(*value, allowed);
    problem(name, close
                      ? fmt::format("unknown value {} (did you mean {}? allowed: {})", in_quotes(printable(*value)),
                                    in_quotes(*close), join(shown, ", "))
                      : fmt::format("unknown value {} (allowed: {})", in_quotes(printable(*value)), join(shown, ", ")));
    return std::nullopt;
}

std::optional<std::string> ConfigSection::required_string(std::string_view name, std::string_view why) const {
    if (!has(name)) {
        problem(name, why.empty() ? std::string("is missing") : fmt::format("is missing: {}", why));
        return std::nullopt;
    }
    return string(name);
}

std::vector<std::string> ConfigSection::names() const {
    struct Place {
        toml::source_position at;
        std::string name;
    };
    std::vector<Place> places;
    for (const auto& [key, value] : *state_->open[node_].table)
        places.push_back({key.source().begin, std::string(key.str())});
    std::ranges::sort(places, [](const Place& a, const Place& b) { return a.at < b.at; });
    std::vector<std::string> out;
    for (auto& place : places) out.push_back(std::move(place.name));
    return out;
}

std::string ConfigSection::verbatim(std::string_view name) const {
    const auto* value = state_->ask(node_, name);
    if (value == nullptr) return {};
    state_->accept_all(*value);
    return value_text(*value);
}

void ConfigSection::also_known(const std::vector<std::string>& names) const {
    state_->open[node_].also_known.insert(names.begin(), names.end());
}

std::string ConfigSection::path() const {
    return state_->open[node_].path;
}

std::string ConfigSection::path(std::string_view name) const {
    return join_path(state_->open[node_].path, name);
}

std::size_t ConfigSection::line(std::string_view name) const {
    return name.empty() ? state_->open[node_].line : state_->line(node_, name);
}

void ConfigSection::problem(std::string_view name, std::string message, std::string hint) const {
    state_->note(node_, name, std::move(message), std::move(hint));
}

}  // namespace muster
