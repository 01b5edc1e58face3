// Answers of an NTP server, which may be anybody's: an offset or a reason.
// rooms: base pki net edge/common edge/check
#include <cstdint>
#include <cstdlib>

#include "edge/check/ntp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace muster;
    const TimePoint sent(std::chrono::seconds(1'795'712'400));
    const auto offset = edge::checks::ntp_offset({data, size}, sent, sent + std::chrono::milliseconds(20));
    if (!offset && offset.error().message().empty()) std::abort();
    return 0;
}
