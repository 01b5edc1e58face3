// Certificates by the thousand: on all cores, in batches, in constant memory.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>

#include "muster/cert/maker.h"

namespace muster::cli::cert {

struct Fleet {
    std::size_t count;
    std::function<Subject(std::size_t)> subject;  // of the certificate with this number; called from several threads
};

struct FleetResult {
    std::size_t made = 0;
    std::size_t kept = 0;      // complete already (--resume)
    std::optional<Made> last;  // one of those made
};

// Every name can stand, and with Existing::refuse no file of any is there: looked at before anything is written. The
// error names the first offender.
Result<> check_fleet(const Fleet& fleet, const Maker& maker, Existing existing);

// Stops at the first failure; what was put in place until then stays and is complete.
Result<FleetResult> make_fleet(const Fleet& fleet, const Maker& maker, Existing existing);

}  // namespace muster::cli::cert
