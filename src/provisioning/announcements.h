// What other musterds on the same database have changed, taken into what this one holds in memory.
//
// For each topic there are steps, done one after the other, once at a time: what is announced while they run has them
// run once more, after a pause as long as they took (20 ms at least, so that a burst costs two rounds). A round in
// which a step fails is made again after 1 s, then after twice as long up to 30 s.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <functional>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "base/task.h"
#include "store/topic.h"

namespace muster::provisioning {

class Announcements {
public:
    using Step = std::function<Task<Result<>>()>;

    // The steps run on `executor`, which is one thread's. What they reach must outlive that thread.
    Announcements(boost::asio::any_io_executor executor, Random& random);
    // Nothing is begun any more, whoever still announces.
    ~Announcements();

    // `what` is read anew, for the log. Steps of a topic run in the order in which they were given. Before the first
    // announcement.
    void on(store::Topic topic, std::string what, Step step);
    // From any thread; never blocks for long.
    void tell(store::Topic topic);
    // The same as a function that may be called even when this is gone.
    std::function<void(store::Topic)> teller() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace muster::provisioning
