// Who works on what of the outbox, where several musterds share a database: two must not create and remove the same
// device at the same time. A claim ends by itself, so that the work of a musterd that died is taken up by another.
#pragma once

#include <string_view>

#include "base/clock.h"
#include "store/session.h"

namespace muster::store {

class OutboxClaimTable {
public:
    explicit OutboxClaimTable(Session& session) : session_(session) {}
    // False while another has it. One's own is taken again and goes on until then.
    Result<bool> claim(std::string_view subject, std::string_view owner, TimePoint now, TimePoint until);
    // One's own alone.
    Result<> release(std::string_view subject, std::string_view owner);
    // All that it has.
    Result<> release_all(std::string_view owner);
    // Those that ended before then; how many it were.
    Result<std::int64_t> erase_ended(TimePoint before);

private:
    Session& session_;
};

}  // namespace muster::store
