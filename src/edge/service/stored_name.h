// How the daemons name the file of an id (facts/device.md 4.2, 5.1, 5.3): its letters and digits, for people, and its
// SHA-256, which tells ids apart: "edgeAgent-5b21...".
#pragma once

#include <string>
#include <string_view>

namespace muster::edge {

std::string stored_name(std::string_view id);

}  // namespace muster::edge
