// A bash completion script, written from the command tree itself so that it cannot fall behind it.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace muster::cli {

std::string bash_completion(const CLI::App& root);

}  // namespace muster::cli
