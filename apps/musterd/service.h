// One running musterd: the rooms wired together.
#pragma once

#include <memory>
#include <string>

#include "data_directory.h"
#include "settings.h"

namespace muster::musterd {

class Service {
public:
    static Result<std::unique_ptr<Service>> start(Settings settings);
    ~Service();

    // Where it listens, what its scope is, where the keys are: for the operator's terminal.
    std::string welcome() const;
    // SIGHUP: reads the server certificate's files again.
    void reload_certificate();
    // Stops taking connections, ends what runs, closes the store.
    void stop();

private:
    struct State;
    explicit Service(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::musterd
