// Devices that were refused, told to those who watch: a stranger leaves no record, but an operator wants to know why a
// device of theirs does not come in.
//
// Strangers must not keep the one writer of the store busy. So refusals wait a second and are written together; of more
// than a handful only the number is told. The log has them all.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "store/store.h"

namespace muster::provisioning {

class Refusals {
public:
    Refusals(store::Store& store, const Clock& clock) : state_(std::make_shared<State>(store, clock)) {}

    struct Refused {
        std::string registration_id;
        std::string peer;
        std::string tracking_id;
        int error_code;
        std::string reason;  // as the device was told
    };
    // "registration.refused" follows in the journal, or a share in "registration.refusalsNotTold".
    Task<> note(Refused refused);

private:
    struct State {
        State(store::Store& its_store, const Clock& its_clock) : store(its_store), clock(its_clock) {}
        store::Store& store;
        const Clock& clock;
        std::mutex mutex;
        std::vector<store::JournalEntry> waiting;
        std::uint64_t untold = 0;
        bool due = false;  // a flush is on its way
    };
    static Task<> flush(std::shared_ptr<State> state);

    std::shared_ptr<State> state_;
};

}  // namespace muster::provisioning
