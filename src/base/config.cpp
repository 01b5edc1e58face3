#include "base/config.h"

#include <algorithm>
#include <array>

#include "base/config_state.h"
#include "base/file.h"
#include "base/text.h"
#include "base/toml_quote.h"

namespace muster {
namespace {

using namespace config_detail;

constexpr std::size_t file_limit = 1024 * 1024;
// More levels than anyone writes; without a bound a line of dots would nest tables until the stack is gone.
constexpr std::size_t dots_per_line = 2000;

bool is_plain(std::string_view key) {
    return !key.empty() && key.find_first_of(" \t\"'.[]{}") == std::string_view::npos;
}

// Quotes as word processors and web pages make them, and backticks.
std::string_view without_odd_quotes(std::string_view value) {
    constexpr std::array<std::string_view, 8> odd{"\u201c", "\u201d", "\u201e", "\u2018",
                                                  "\u2019", "\u00ab", "\u00bb", "`"};
    for (const auto quote : odd)
        if (value.starts_with(quote)) value.remove_prefix(quote.size());
    for (const auto quote : odd)
        if (value.ends_with(quote)) value.remove_suffix(quote.size());
    return value;
}

// What may be a secret is not said again: errors stand in logs, and in what `systemctl status` shows to everybody. A
// value with '=' or '@' may be a connection string, or an address with a password.
bool may_be_secret(std::string_view key, std::string_view value) {
    constexpr std::array<std::string_view, 8> secrets{"key",   "pass",   "pin",  "secret",
                                                      "token", "string", "auth", "value"};
    const auto name = to_lower(key);
    return value.find_first_of("=@") != std::string_view::npos ||
           std::ranges::any_of(secrets, [&](const auto part) { return name.contains(part); });
}

// "key = Word" is the commonest slip of all, and the published how-to makes it: the value lacks its quotes.
std::string parse_hint(std::string_view line) {
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return {};
    const auto key = trim(line.substr(0, equals));
    auto value = trim(line.substr(equals + 1));
    value = trim(value.substr(0, value.find('#')));
    if (!is_plain(key) || value.empty() || value.find_first_of("\"'{}[]") != std::string_view::npos) return {};
    const auto bare = without_odd_quotes(value);
    const auto* advice = bare.size() < value.size() ? "use plain quotes" : "put the value in quotes";
    const auto shown = may_be_secret(key, value) ? std::string("\"...\"") : toml_string(bare);
    return fmt::format("{}: {} = {}", advice, key, shown);
}

std::unexpected<Error> parse_failure(const toml::parse_error& error, std::string_view text, const std::string& source) {
    const auto at = error.source().begin;
    const auto lines = split(text, '\n');
    const auto line = at.line >= 1 && at.line <= lines.size() ? lines[at.line - 1] : std::string_view();
    std::string hint = parse_hint(line);
    const auto what = error.description();
    if (hint.empty() && what.find("redefine") != std::string_view::npos)
        hint = "it is already defined above: keep one of the two and comment the other out with #";
    if (hint.empty() && what.find("parsing string") != std::string_view::npos && std::ranges::count(line, '"') % 2 == 1)
        hint =
            fmt::format("line {} opens a quote that it does not close: each value's text stands between two", at.line);
    if (hint.empty() && what.find("utf-8") != std::string_view::npos)
        hint = fmt::format("save the file as UTF-8: iconv -f LATIN1 -t UTF-8 {}", source);
    if (hint.empty())
        hint =
            "a line is a [table] in brackets, name = value (a text between two quotes), or a comment that begins with "
            "#";
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

}  // namespace muster
