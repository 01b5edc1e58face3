// Configuration files in TOML, read so that every mistake is found in one go.
//
// A Config remembers which keys were asked for. Whatever is in the file and was never asked for is a problem of its
// own, with its line and the nearest key that would have been understood. Readers note their own problems the same way,
// so that the user sees all of them at once, each with file, line, key and what mends it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace muster {

struct ConfigProblem {
    std::string source;   // the file's name as the user gave it
    std::size_t line{};   // 1-based; 0 when the problem is about something absent from the whole file
    std::string key;      // dotted: "provisioning.attestation.method"
    std::string message;  // one sentence
    std::string hint;     // what mends it; may be empty

    // "config.toml:12: provisioning.source: unknown value "dsp" (did you mean "dps"?)"
    std::string text() const;
};

enum class ConfigKind { absent, string, integer, real, boolean, table, array, other };

class ConfigSection;

class Config {
public:
    // Errc::invalid_argument with line and column when it is not TOML.
    static Result<Config> parse(std::string_view text, std::string source);
    static Result<Config> load(const std::string& path);

    Config(Config&&) noexcept;
    Config& operator=(Config&&) noexcept;
    ~Config();

    ConfigSection root();
    // Problems noted so far, and the keys that nobody asked for; in order of their lines.
    std::vector<ConfigProblem> problems() const;

    struct State;

private:
    explicit Config(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// One table of the file. Cheap to copy; valid as long as its Config lives.
class ConfigSection {
public:
    ConfigKind kind(std::string_view name) const;  // marks the key as known, as every reader below does
    bool has(std::string_view name) const { return kind(name) != ConfigKind::absent; }

    // A key of another type than asked for is a noted problem and reads as absent.
    std::optional<std::string> string(std::string_view name) const;
    std::optional<bool> boolean(std::string_view name) const;
    std::optional<std::int64_t> integer(std::string_view name, std::int64_t minimum, std::int64_t maximum) const;
    std::optional<std::vector<std::string>> strings(std::string_view name) const;
    std::optional<ConfigSection> table(std::string_view name) const;
    std::vector<ConfigSection> tables(std::string_view name) const;  // an array of tables
    // One of the allowed words (compared exactly); another is a problem that lists them and names the nearest.
    std::optional<std::string> choice(std::string_view name, const std::vector<std::string>& allowed) const;

    // Like the readers above, and absence is a problem.
    std::optional<std::string> required_string(std::string_view name, std::string_view why) const;

    // The names in this table, in file order; asking does not mark them as known.
    std::vector<std::string> names() const;
    // The value as TOML text, for keys that are carried over as they are (marks the key and all below it as known).
    std::string verbatim(std::string_view name) const;
    // Names that a reader would understand here although this file was not asked for them: for the nearest-key hint.
    void also_known(const std::vector<std::string>& names) const;

    std::string path() const;                            // dotted; empty for the root
    std::string path(std::string_view name) const;       // path of a member
    std::size_t line(std::string_view name = {}) const;  // of a member, or of this table
    void problem(std::string_view name, std::string message, std::string hint = {}) const;

private:
    friend class Config;
    ConfigSection(Config::State* state, std::size_t node) : state_(state), node_(node) {}
    Config::State* state_;
    std::size_t node_;
};

}  // namespace muster
