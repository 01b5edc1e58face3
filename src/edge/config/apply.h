// `iotedge config apply`, without its printing and restarting: read, understand, check everything, then write the five
// service files as one set or not at all (facts/device.md 2.1).
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "edge/common/paths.h"
#include "edge/config/check.h"
#include "edge/config/file_set.h"
#include "edge/config/generate.h"

namespace muster::edge {

struct ApplyOptions {
    std::filesystem::path file;  // the super-config
    bool check_only = false;
};

// What an apply asks of its surroundings; tests give their own.
struct ApplyWorld {
    const Clock& clock;
    std::function<Lookup(const std::string& host, const std::string& port)> resolve = resolve_host;
    StepHook before_step = {};
    std::vector<std::pair<std::string, std::string>> keyd_environment = {};  // as in CheckInput
};

struct ApplyOutcome {
    Findings findings;  // sorted by line; with problems nothing was written
    bool written = false;
    std::vector<std::filesystem::path> key_files;  // where symmetric keys were put for keyd
    Recovery recovered = Recovery::nothing;        // what an earlier, interrupted apply had left
};

// The error is about what stands outside the file: not root, not readable, not TOML, disk full.
Result<ApplyOutcome> apply(const Paths& paths, const ApplyOptions& options, const ApplyWorld& world);

// Those of the service files that an apply by this version would write in another way: they are of another version, or
// were changed since. edged's, which a further file goes into, is not looked at. An error when the super-config cannot
// be read, or would be refused. For root.
Result<std::vector<std::filesystem::path>> files_of_another_version(const Paths& paths,
                                                                    const std::filesystem::path& file);

// Finishes or undoes an interrupted apply; the services' first step at every start. An apply that is running is left
// alone.
Result<Recovery> recover_interrupted_apply(const Paths& paths);

}  // namespace muster::edge
