// What commands print: the API's own JSON, or text for people.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "muster/io.h"

namespace muster::cli {

enum class OutputFormat { table, json };

// An array printed item by item as one JSON document.
class JsonArrayPrinter {
public:
    explicit JsonArrayPrinter(const Io& io) : io_(io) {}
    void add(const json::value& item);
    void finish();

private:
    const Io& io_;
    bool first_ = true;
};

// Labelled values under each other, wrapped to the terminal; those that are empty are left out.
class FactSheet {
public:
    void add(std::string label, std::string value);
    void print(const Io& io) const;

private:
    std::vector<std::pair<std::string, std::string>> facts_;
};

// "3 min ago", "in 2 h", "2026-01-31" when it is more than 60 days away.
std::string relative_time(TimePoint time, TimePoint now);
// For a member as the APIs write it: empty when absent, "never" for the year 1, else relative_time.
std::string short_time(const json::object& object, std::string_view name, TimePoint now);
// "2026-11-24 06:49:05 UTC (3 min ago)"
std::string long_time(const json::object& object, std::string_view name, TimePoint now);

// The object behind a dotted path, or nullptr when there is none.
const json::object* object_at(const json::object& object, std::string_view dotted_path);
// The string behind a dotted path ("attestation.type"); numbers and booleans as text; empty when absent.
std::string text_at(const json::object& object, std::string_view dotted_path);

// The error, its causes and what mends it, each on a line, on standard error.
void print_error(const Io& io, const Error& error);

}  // namespace muster::cli
