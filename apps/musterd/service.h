// One running musterd: the rooms wired together.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data_directory.h"
#include "settings.h"

namespace muster::musterd {

class Service {
public:
    static Result<std::unique_ptr<Service>> start(Settings settings);
    ~Service();

    // Where it listens, what its scope is, where the keys are: for the operator's terminal.
    std::string welcome() const;
    // SIGHUP, a change of the files, a day that went by: reads the server certificate's files again. Open connections
    // stay as they are.
    void reload_certificate();
    // The files that it would read, when they are the operator's own.
    std::vector<std::filesystem::path> certificate_files() const;
    // Readable once the service cannot go on, and must be stopped: a later musterd has brought the shared database
    // forward.
    int ending_fd() const;
    // Why; nothing when it is stopped as asked.
    std::optional<Error> fault() const;
    // Stops taking connections, ends what runs, closes the store.
    void stop();

private:
    struct State;
    explicit Service(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::musterd
