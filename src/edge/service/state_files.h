// What the daemons' state directories have in common.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace muster::edge {

// The file of an id (facts/device.md 4.2, 5.1, 5.3): its letters and digits, for people, and its SHA-256, which tells
// ids apart: "edgeAgent-5b21...".
std::string stored_name(std::string_view id);

// Removes the temporary files that an interrupted write_file_atomic left below `directory`. For the start, before
// anything is written.
void sweep_interrupted_writes(const std::filesystem::path& directory);

}  // namespace muster::edge
