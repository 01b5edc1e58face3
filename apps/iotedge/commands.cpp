#include "commands.h"

#include <unistd.h>

namespace muster::iotedge {

int report(const Error& error) {
    fmt::print(stderr, "{}\n", error.message());
    std::string hint;
    for (const Error* at = &error; at != nullptr; at = at->cause()) {
        if (at != &error) fmt::print(stderr, "    caused by: {}\n", at->message());
        if (hint.empty()) hint = at->hint();
    }
    if (!hint.empty()) fmt::print(stderr, "    to mend it: {}\n", hint);
    return refused;
}

void warn_without_root(const edge::Paths& paths) {
    if (paths.rooted() || ::geteuid() == 0) return;
    fmt::print(stderr,
               "note: without root the services' settings, keys and sockets are out of reach: sudo iotedge ...\n");
}

int not_in_this_version(const std::string& command, const std::string& needs) {
    fmt::print(stderr, "`iotedge {}` is not in this version: it needs {}, which comes later\n", command, needs);
    return refused;
}

}  // namespace muster::iotedge
