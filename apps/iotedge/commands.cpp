#include "commands.h"

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

int not_in_this_version(const std::string& command, const std::string& needs) {
    fmt::print(stderr, "`iotedge {}` is not in this version: it needs {}, which comes later\n", command, needs);
    return refused;
}

}  // namespace muster::iotedge
