// What a musterd has for those who run it: events and the audit trail, limits, access policies, housekeeping.
#pragma once

#include <atomic>

#include "access/policy_book.h"
#include "provisioning/events.h"
#include "provisioning/housekeeping.h"
#include "provisioning/refusals.h"
#include "provisioning/throttle.h"
#include "service_files.h"
#include "settings.h"

namespace muster::musterd {

struct OperatingParts {
    OperatingParts(store::Store& store, const Settings& settings, ServiceFiles& files, const Clock& clock,
                   Random& random)
        : events(store),
          refusals(store, clock),
          throttle(settings.throttle, random),
          policies(std::move(files.policies), files.save_policies, files.load_policies),
          housekeeping(store, clock, settings.journal,
                       [this] { return TimePoint(Micros(server_certificate_end.load())); }) {
        store.on_journal([this] { events.wake(); });
    }

    provisioning::Events events;
    provisioning::Refusals refusals;
    provisioning::Throttle throttle;
    access::PolicyBook policies;
    std::atomic<Micros::rep> server_certificate_end{0};
    provisioning::Housekeeping housekeeping;
};

}  // namespace muster::musterd
