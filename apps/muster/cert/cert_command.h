// `muster cert`: makes, checks and shows certificates; natively, in bulk, with the file names of the how-to's scripts.
#pragma once

namespace CLI {
class App;
}

namespace muster::cli {

// The commands run from the parser's callback and leave 0 (done) or 1 (refused or failed) in `exit_code`.
void add_cert_command(CLI::App& app, int& exit_code);

}  // namespace muster::cli
