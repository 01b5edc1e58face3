// The hubs that a musterd sends devices to, and the thread that talks to those that are not its own.
#pragma once

#include "links/outside.h"
#include "net/reactor.h"
#include "provisioning/deliveries.h"
#include "service_files.h"
#include "settings.h"

namespace muster::musterd {

struct HubParts {
    HubParts(store::Store& store, const provisioning::Groups& groups, const Settings& settings,
             const ServiceFiles& files, const Clock& clock, Random& random, metrics::Metrics& metrics)
        : outside(clock, {settings.webhook_ca_pem, settings.webhook_timeout, files.webhook_key.clone()}),
          linked(store, clock, random, outside, settings.host_name),
          deliveries(store, groups, linked, outside, clock, random, metrics, thread.at(0).get_executor(),
                     limits_of(settings)) {
        linked.on_change([this] { deliveries.hubs_changed(); });
    }

    static provisioning::DeliveryLimits limits_of(const Settings& settings) {
        provisioning::DeliveryLimits limits;
        // An attempt may connect twice; between attempts there are pauses.
        const auto asking = limits.webhook_attempts * (4 * settings.webhook_timeout + limits.first_wait);
        limits.longest_call = std::max<std::chrono::milliseconds>(limits.longest_call, asking);
        return limits;
    }

    // A slow hub or webhook costs the fronts nothing: TLS and the rest of it happen here.
    net::Reactors thread{1};
    links::Https outside;
    provisioning::LinkedHubs linked;
    provisioning::Deliveries deliveries;

    void start() {
        deliveries.start();
        thread.start();
    }
    void stop() {
        if (thread.running()) deliveries.finish(std::chrono::seconds(5));
        thread.stop();
    }
    // Assignments that wait for another hub.
    double waiting() const {
        double sum = 0;
        const auto hubs = linked.current();
        for (const auto& hub : hubs->all()) sum += static_cast<double>(hub.state->waiting.load());
        return sum;
    }
};

}  // namespace muster::musterd
