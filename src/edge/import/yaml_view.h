// Reads a YAML tree by name and remembers what was asked for. Internal to this room: yaml-cpp stays behind it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"

namespace muster::edge::import {

class YamlView {
public:
    // The document's root, which must be a table; at most 16 levels deep.
    static Result<YamlView> parse(std::string_view text);

    bool has(const std::string& name) const;
    // A scalar as its text; nothing when absent, null or of another form.
    std::optional<std::string> text(const std::string& name) const;
    // A table; an empty one when absent.
    YamlView table(const std::string& name) const;
    // The scalars of this table, in its order.
    std::vector<std::pair<std::string, std::string>> texts() const;
    // The value as inline TOML, whatever it is; "{}" when absent.
    std::string inline_toml(const std::string& name) const;
    // Dotted names in the whole document that nobody asked for.
    std::vector<std::string> never_asked_for() const;

private:
    struct State;
    struct Node;
    YamlView(std::shared_ptr<State> state, std::shared_ptr<const Node> node, std::string path)
        : state_(std::move(state)), node_(std::move(node)), path_(std::move(path)) {}
    std::string path_of(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

    std::shared_ptr<State> state_;
    std::shared_ptr<const Node> node_;
    std::string path_;
};

}  // namespace muster::edge::import
