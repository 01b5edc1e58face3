// Does what waits in the outbox: asks webhooks, creates devices at hubs that are not our own, brings their twins along
// and removes what they left behind; and keeps an eye on every linked hub.
//
// Each hub and each webhook has a queue of its own with a bounded number of calls at once, so one that is slow or down
// holds only its own devices. What fails for the moment is tried again, after 1 s, then twice as long up to a minute,
// each time up to a half more; a hub that answers again when it is looked at, every 30 s, is taken up at once. A device
// that waited for an hour hears failed (400210) and may register anew.
//
// Where several musterds are on one database, any of them works on any queue, each with its own calls; what one works
// on it claims before (delivery_claims.h), and all look every 30 s for what another has left.
#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <memory>

#include "metrics/metrics.h"
#include "provisioning/groups.h"
#include "provisioning/linked_hubs.h"
#include "provisioning/outside.h"
#include "store/store.h"

namespace muster::provisioning {

struct DeliveryLimits {
    std::size_t calls_at_once = 8;  // of each queue
    std::chrono::milliseconds first_wait{1'000};
    std::chrono::milliseconds longest_wait{60'000};
    std::chrono::milliseconds patience{3'600'000};
    std::chrono::milliseconds probe_every{30'000};
    int webhook_attempts = 3;
    // What one call to a hub, or asking a webhook with all its attempts, takes at most.
    std::chrono::milliseconds longest_call{100'000};
};

class Deliveries {
public:
    // Everything runs on `executor`, which is one thread's; the rest must outlive that thread.
    Deliveries(store::Store& store, const Groups& groups, LinkedHubs& hubs, Outside& outside, const Clock& clock,
               Random& random, metrics::Metrics& metrics, boost::asio::any_io_executor executor,
               DeliveryLimits limits = {});
    ~Deliveries();

    // Takes up what a former run left, and watches the hubs.
    void start();
    // From any thread: a queue got something to do.
    void wake(std::string queue);
    // From any thread: hubs were linked, changed or unlinked.
    void hubs_changed();
    // From any thread: another musterd left what it worked on.
    void look_at_all();
    // From any thread: nothing new is begun.
    void stop();
    // The same, and waits on the calling thread, while the executor's runs, for what is under way: at most for so long.
    // Then, where other musterds are on the database, whatever else this one had claimed is theirs at once.
    void finish(std::chrono::milliseconds patience);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace muster::provisioning
