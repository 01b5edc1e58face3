// Configurations of IoT Edge 1.1: translated into TOML that can be read, or refused with a reason.
// rooms: base edge/import
#include <cstdint>
#include <cstdlib>

#include "base/config.h"
#include "edge/import/import.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace muster;
    const auto made = edge::import::from_yaml({reinterpret_cast<const char*>(data), size});
    if (!made) {
        if (made.error().message().empty()) std::abort();
        return 0;
    }
    if (!Config::parse(made->toml, "imported")) std::abort();
    return 0;
}
