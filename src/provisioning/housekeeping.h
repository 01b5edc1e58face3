// What the service does by itself from time to time: it forgets old entries of the journal, and tells there of
// certificates that near their end.
#pragma once

#include <chrono>
#include <functional>

#include "base/clock.h"
#include "base/task.h"
#include "store/store.h"

namespace muster::provisioning {

struct JournalRetention {
    std::chrono::days events{30};           // 0: for as long as there is room
    std::uint64_t most_events = 2'000'000;  // the oldest go first; about 300 bytes each
    std::chrono::days changes{400};         // of the audit trail; 0: for ever
};

class Housekeeping {
public:
    // `server_certificate_end`: of the certificate that musterd serves with.
    Housekeeping(store::Store& store, const Clock& clock, JournalRetention retention,
                 std::function<TimePoint()> server_certificate_end)
        : store_(store), clock_(clock), retention_(retention), server_end_(std::move(server_certificate_end)) {}

    // A round now and one every hour, for as long as its reactor runs.
    Task<> run();
    Task<Result<>> forget_old_entries();
    // "certificate.expiring" 30 days, 7 days and 1 day before the end, and "certificate.expired": each once for each
    // certificate; the nearest alone for one that is new here. CA certificates, those of groups, of individual
    // enrollments and of trust bundles, the authority's issuing CA, and the server's own. Of several musterds on one
    // database one tells each; the server's own each tells of its own.
    Task<Result<>> tell_of_expiring_certificates();

private:
    Task<Result<std::int64_t>> erase(std::int64_t before, bool changes);
    Task<Result<>> tell_of_stored_certificates();
    Task<Result<>> tell_of_server_certificate();
    Task<Result<bool>> tell(const std::vector<store::JournalEntry>& warnings, std::string_view mark,
                            std::optional<TimePoint> last, TimePoint now);

    store::Store& store_;
    const Clock& clock_;
    JournalRetention retention_;
    std::function<TimePoint()> server_end_;
};

}  // namespace muster::provisioning
