// How a Config remembers its file: the parsed tables and what readers asked of them. Internal to this room; toml++
// stays behind it.
#pragma once

#include <toml++/toml.h>

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/config.h"

namespace muster {
namespace config_detail {

std::size_t line_of(const toml::node& node);
// Of the key, where the parser knows it.
std::size_t line_of(const toml::key& key, const toml::node& node);
ConfigKind kind_of(const toml::node* node);
std::string_view kind_name(ConfigKind kind);
std::string join_path(const std::string& parent, std::string_view name);
// As an inline TOML value.
std::string value_text(const toml::node& node);

// One record per table that a reader has opened.
struct OpenTable {
    const toml::table* table;
    std::string path;
    std::size_t line;
    std::set<std::string, std::less<>> asked;  // names that a reader wanted, present or not
    std::set<std::string, std::less<>> also_known;
};

}  // namespace config_detail

struct Config::State {
    std::string source;
    toml::table root;
    std::deque<config_detail::OpenTable> open;
    std::map<const toml::table*, std::size_t> index;
    std::vector<ConfigProblem> noted;

    std::size_t open_table(const toml::table& table, std::string path, std::size_t line);
    // The value, its name marked as asked for.
    const toml::node* ask(std::size_t node, std::string_view name);
    std::size_t line(std::size_t node, std::string_view name) const;
    // A key with a problem of its own is not called unknown besides.
    void note(std::size_t node, std::string_view name, std::string message, std::string hint);
    void wrong_kind(std::size_t node, std::string_view name, std::string_view wanted, const toml::node& value);
    // A value that is carried as it is has no unknown keys, also where a reader has looked into it.
    void accept_all(const toml::node& value);
    void find_unknown(std::vector<ConfigProblem>& out) const;

private:
    const config_detail::OpenTable* home_of(std::string_view name) const;
    ConfigProblem unknown(const config_detail::OpenTable& in, std::string_view name, std::size_t at) const;
};

}  // namespace muster
