#include "edge/import/yaml_view.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "base/toml_quote.h"

namespace muster::edge::import {
namespace {

constexpr std::size_t largest = 1024 * 1024;
constexpr int deepest = 16;
// An alias in YAML stands for a whole tree: a small file can mean a huge one.
constexpr std::size_t most_nodes = 10'000;

bool fits(const YAML::Node& node, int depth, std::size_t& count) {
    if (depth > deepest || ++count > most_nodes) return false;
    if (node.IsMap())
        for (const auto& member : node)
            if (!member.first.IsScalar() || !fits(member.second, depth + 1, count)) return false;
    if (node.IsSequence())
        for (const auto& element : node)
            if (!fits(element, depth + 1, count)) return false;
    return true;
}

// Quoted scalars have the tag "!": text, whatever they look like.
bool is_plain_value(const YAML::Node& node) {
    if (node.Tag() == "!") return false;
    const auto& text = node.Scalar();
    return text == "true" || text == "false" || parse_integer<std::int64_t>(text).has_value();
}

std::string to_toml(const YAML::Node& node) {
    if (node.IsScalar()) return is_plain_value(node) ? node.Scalar() : toml_string(node.Scalar());
    std::vector<std::string> parts;
    if (node.IsSequence()) {
        for (const auto& element : node) parts.push_back(to_toml(element));
        return fmt::format("[{}]", join(parts, ", "));
    }
    if (node.IsMap())
        for (const auto& member : node)
            if (!member.second.IsNull())
                parts.push_back(fmt::format("{} = {}", toml_key(member.first.Scalar()), to_toml(member.second)));
    return parts.empty() ? "{}" : fmt::format("{{ {} }}", join(parts, ", "));
}

void collect(const YAML::Node& node, const std::string& path, std::vector<std::string>& out) {
    if (!node.IsMap()) return out.push_back(path);
    for (const auto& member : node)
        collect(member.second, path.empty() ? member.first.Scalar() : path + "." + member.first.Scalar(), out);
}

}  // namespace

struct YamlView::Node {
    YAML::Node yaml;
};

struct YamlView::State {
    YAML::Node root;
    std::set<std::string> asked;
};

Result<YamlView> YamlView::parse(std::string_view text) {
    if (text.size() > largest) return fail(Errc::too_large, "the file is larger than {} bytes", largest);
    try {
        auto state = std::make_shared<State>();
        state->root = YAML::Load(std::string(text));
        if (!state->root.IsMap()) return fail(Errc::invalid_argument, "the file is not a YAML table");
        std::size_t count = 0;
        if (!fits(state->root, 0, count)) return fail(Errc::too_large, "the file is nested too deeply or too large");
        auto node = std::make_shared<const Node>(Node{state->root});
        return YamlView(std::move(state), std::move(node), {});
    } catch (const YAML::Exception& error) {
        return fail(Errc::invalid_argument, "line {}, column {}: {}", error.mark.line + 1, error.mark.column + 1,
                    error.msg);
    }
}

bool YamlView::has(const std::string& name) const {
    return node_->yaml.IsMap() && node_->yaml[name] && !node_->yaml[name].IsNull();
}

std::optional<std::string> YamlView::text(const std::string& name) const {
    if (!has(name) || !node_->yaml[name].IsScalar()) return std::nullopt;
    state_->asked.insert(path_of(name));
    return node_->yaml[name].Scalar();
}

YamlView YamlView::table(const std::string& name) const {
    const bool there = has(name) && node_->yaml[name].IsMap();
    auto node = there ? node_->yaml[name] : YAML::Node(YAML::NodeType::Map);
    return YamlView(state_, std::make_shared<const Node>(Node{node}), path_of(name));
}

std::vector<std::pair<std::string, std::string>> YamlView::texts() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& member : node_->yaml)
        if (auto value = text(member.first.Scalar())) out.emplace_back(member.first.Scalar(), std::move(*value));
    return out;
}

std::string YamlView::inline_toml(const std::string& name) const {
    if (!has(name)) return "{}";
    state_->asked.insert(path_of(name));
    return to_toml(node_->yaml[name]);
}

std::vector<std::string> YamlView::never_asked_for() const {
    std::vector<std::string> all, out;
    collect(state_->root, {}, all);
    for (const auto& path : all) {
        const bool asked = std::ranges::any_of(
            state_->asked, [&](const auto& known) { return path == known || path.starts_with(known + "."); });
        if (!asked) out.push_back(path);
    }
    return out;
}

}  // namespace muster::edge::import
