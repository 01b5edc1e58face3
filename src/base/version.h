#pragma once

#include <string_view>

namespace muster {

// "0.1.0", from the file VERSION.
std::string_view version();

}  // namespace muster
