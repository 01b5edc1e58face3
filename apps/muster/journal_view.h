// Entries of the service's journal as people read them.
#pragma once

#include "base/json.h"
#include "muster/context.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace muster::cli {

// "deviceId=dev-1 assignedHub=plant-server": the detail of an entry on one line.
std::string journal_detail(const json::object& entry);
// A moment on the command line: "2026-11-24T06:00:00Z", "2026-11-24", or so long ago: "90s", "15m", "3h", "2d".
Result<std::string> utc_of_moment(const std::string& text, TimePoint now);

// --type and --since, as both readers of the journal have them.
CLI::Option* add_types(CLI::App& verb, std::vector<std::string>& types, const char* description);
CLI::Option* add_since(CLI::App& verb, std::string& since);

}  // namespace muster::cli
