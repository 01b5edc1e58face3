// The signals and file changes that a daemon lives by, waited for on its main thread without ever waking in between.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "base/error.h"

namespace muster::edge {

// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it starts later, and ignores SIGPIPE; call it before the
// first thread.
void block_signals();

// Watches directories (absent ones are skipped) and signals.
class Watch {
public:
    static Result<Watch> create(const std::vector<std::filesystem::path>& directories);
    Watch(Watch&& other) noexcept;
    Watch& operator=(Watch&&) = delete;
    ~Watch();

    enum class Event { stop, reload };
    // SIGTERM and SIGINT are stop; SIGHUP, or a change that nothing followed for half a second, is reload.
    Event wait();

private:
    Watch(int signals, int changes) : signals_(signals), changes_(changes) {}
    int signals_;
    int changes_;
};

}  // namespace muster::edge
