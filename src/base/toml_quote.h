// Text as TOML writes it (toml.io, version 1.0).
#pragma once

#include <string>
#include <string_view>

namespace muster {

// As a key: bare where possible.
std::string toml_key(std::string_view name);
// As a string value, in one line.
std::string toml_string(std::string_view value);

}  // namespace muster
