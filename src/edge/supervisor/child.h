// One service as a child process: as its user, with its listening socket, its standard error on a pipe.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "edge/common/paths.h"
#include "edge/config/access.h"

namespace muster::edge::supervisor {

struct ChildOptions {
    Service service;
    std::string program;             // the path of this program
    std::optional<Identity> run_as;  // nothing: as the caller
    int listening_socket = -1;       // handed over as systemd does it
    std::string log_level;           // AZIOT_LOG
};

struct Child {
    pid_t pid = -1;
    int pid_fd = -1;  // readable when it has ended
    int output = -1;  // its standard output and error
};

// The caller closes the descriptors and reaps the process.
Result<Child> start_child(const ChildOptions& options);

// Reaps an ended child: "exit code 1", "killed by signal 9 (Killed)"; `clean` for exit code 0.
struct Ending {
    bool clean = false;
    std::string text;
};
Ending reap(pid_t pid);

}  // namespace muster::edge::supervisor
