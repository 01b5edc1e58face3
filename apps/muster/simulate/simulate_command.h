// `muster simulate`: a fleet that registers, for trying out and for measuring a service.
#pragma once

namespace CLI {
class App;
}

namespace muster::cli {

void add_simulate_command(CLI::App& app, int& exit_code);

}  // namespace muster::cli
