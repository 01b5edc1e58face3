#include "base/config_state.h"
#include "base/text.h"
#include "base/toml_quote.h"

namespace muster {

using namespace config_detail;

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
    for (const auto& word : allowed) shown.push_back(toml_string(word));
    const auto close = nearest(*value, allowed);
    problem(name,
            close ? fmt::format("unknown value {} (did you mean {}? allowed: {})", toml_string(printable(*value)),
                                toml_string(*close), join(shown, ", "))
                  : fmt::format("unknown value {} (allowed: {})", toml_string(printable(*value)), join(shown, ", ")));
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
