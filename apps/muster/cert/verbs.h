// The verbs of `muster cert`; see cert_command.h.
#pragma once

#include <functional>

#include "base/error.h"
#include "muster/io.h"

namespace CLI {
class App;
}

namespace muster::cli::cert {

// What the verbs share: where they print, and what becomes of their result.
struct Surroundings {
    Io io;
    std::function<void(const Result<>&)> finish;  // prints the error and keeps the exit code
};

void add_authority_verbs(CLI::App& noun, const Surroundings& around);  // root, intermediate, edge-ca
void add_device_verb(CLI::App& noun, const Surroundings& around);
void add_server_verb(CLI::App& noun, const Surroundings& around);
void add_verification_verb(CLI::App& noun, const Surroundings& around);
void add_verify_verb(CLI::App& noun, const Surroundings& around);
void add_show_verb(CLI::App& noun, const Surroundings& around);

}  // namespace muster::cli::cert
