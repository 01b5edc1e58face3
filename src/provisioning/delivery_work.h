// What is done for one entry of the outbox: a device brought to a hub, a twin fetched, a webhook asked, an identity
// removed or a credential taken from it; and the second transaction that settles it.
#pragma once

#include <functional>

#include "metrics/metrics.h"
#include "provisioning/assigner.h"
#include "provisioning/deliveries.h"
#include "provisioning/delivery_claims.h"
#include "provisioning/delivery_queue.h"
#include "provisioning/webhook.h"

namespace muster::provisioning {

// Why an entry could not be done for now.
struct Trouble {
    Error error;
    bool of_queue = false;  // its peer takes no calls at all
};
using Outcome = std::expected<void, Trouble>;

// Why a registration ends without an assignment.
struct Objection {
    Objection(Error why, bool credential = false) : error(std::move(why)), of_credential(credential) {}

    Error error;
    bool of_credential;  // what the device was to get in by was revoked
};

struct DeliveryTools {
    store::Store& store;
    const Groups& groups;
    LinkedHubs& hubs;
    Outside& outside;
    const Clock& clock;
    Random& random;
    metrics::Metrics& metrics;
    boost::asio::any_io_executor executor;
    DeliveryLimits limits;
};

// For one thread.
class DeliveryWork {
public:
    // `wake` is told of queues that got something to do.
    DeliveryWork(const DeliveryTools& tools, DeliveryClaims& claims, std::function<void(const Wakes&)> wake)
        : tools_(tools), claims_(claims), wake_(std::move(wake)) {}

    // The entry, which is claimed, is settled, or stays as it is.
    Task<Outcome> deliver(DeliveryQueue& queue, const store::OutboxRecord& task);
    // The registration ends as failed, unless it was replaced meanwhile.
    Task<Outcome> settle_as_failed(const store::OutboxRecord& task, Objection objection);

    void note_success(const LinkedHub& hub);
    // The trouble that a failed call to `hub` is for the queue of that name.
    Trouble note_failure(std::string_view queue, const LinkedHub& hub, Error error);

private:
    struct Settled;

    Task<Outcome> assign(DeliveryQueue& queue, const store::OutboxRecord& task);
    Task<Result<std::optional<Objection>>> objection(const store::OutboxRecord& task, const AssignmentOrder& order);
    Task<Outcome> fetch_twin(DeliveryQueue& queue, const store::OutboxRecord& task, AssignmentOrder order,
                             const LinkedHub& from);
    Task<Outcome> move_to(DeliveryQueue& queue, const store::OutboxRecord& task, const AssignmentOrder& order,
                          const HubList& list, bool& again);
    Task<Result<std::optional<OwnTwin>>> own_twin(const AssignmentOrder& order, const HubList& list);
    Task<Outcome> create(DeliveryQueue& queue, const store::OutboxRecord& task, const LinkedHub& hub,
                         const AssignmentOrder& order, const std::optional<TwinCopy>& copy);
    Task<Outcome> ask(const store::OutboxRecord& task, AssignmentOrder order);
    Task<Result<WebhookAnswer>> webhook_answer(const WebhookOrder& webhook);
    Task<Outcome> remove(DeliveryQueue& queue, const store::OutboxRecord& task);

    // Goes on with an order that knows more now.
    Task<Outcome> go_on(const store::OutboxRecord& task, AssignmentOrder order);
    template <class Change>
    Task<Result<Settled>> settle(const store::OutboxRecord& task, const AssignmentOrder& order, const HubList& list,
                                 Change change);
    void announce(const AssignmentOrder& order, const Settled& settled);

    const DeliveryTools& tools_;
    DeliveryClaims& claims_;
    std::function<void(const Wakes&)> wake_;
};

// Whether trying again may end otherwise.
bool may_pass(const Error& error);

}  // namespace muster::provisioning
