// The whole command line: the tree of commands, and one run of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "muster/io.h"

namespace CLI {
class App;
}

namespace muster::cli {

struct Context;

class Application {
public:
    explicit Application(Io io);
    ~Application();

    // For nouns that live elsewhere; what they leave in the exit code is what run() returns.
    CLI::App& app() { return *app_; }
    int& exit_code();

    // `arguments` without the program's name. 0 done, 1 refused or failed, 2 wrong usage. Call once.
    int run(std::vector<std::string> arguments);

private:
    void finish_tree();

    std::unique_ptr<Context> context_;
    std::unique_ptr<CLI::App> app_;
};

}  // namespace muster::cli
