// The time, asked of an NTP server (RFC 4330, the simple form of RFC 5905).
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"

namespace muster::edge::checks {

// The packet of a client's question; `sent` comes back in the answer.
Bytes ntp_question(TimePoint sent);
// What the local clock lacks to the server's (RFC 4330 section 5). Errc::invalid_argument for what is no answer to the
// question that was sent at `sent`, and for a server that says it does not know the time.
Result<std::chrono::milliseconds> ntp_offset(ByteView answer, TimePoint sent, TimePoint received);

// Asks "host:port" and waits a few seconds at most, for the name and for the answer.
Result<std::chrono::milliseconds> ask_ntp(const std::string& server, const Clock& clock);

}  // namespace muster::edge::checks
