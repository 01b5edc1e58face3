// Devices and modules as a service client or a device may send them, and twin sections. What is accepted can be shown,
// and what is shown can be sent back without a change.
// rooms: base wire store hub
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hub/identity_json.h"
#include "hub/twin.h"

namespace {

using namespace muster;

void round_trip(const json::object& body, std::string_view module_id, hub::AuthenticationNames names) {
    SeededRandom random(1);
    store::IdentityRecord record;
    record.device_id = "fuzz";
    record.module_id = module_id;
    if (!hub::apply_json(body, record, true, random)) return;
    const auto shown = hub::identity_to_json(record, names);
    (void)hub::twin_to_json(record);
    auto again = record;
    if (!hub::apply_json(shown, again, false, random)) std::abort();
    if (hub::identity_to_json(again, names) != shown) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = parse_json_object({reinterpret_cast<const char*>(data), size});
    if (!body) return 0;
    round_trip(*body, "", hub::AuthenticationNames::current);
    round_trip(*body, "module", hub::AuthenticationNames::current);
    round_trip(*body, "module", hub::AuthenticationNames::edge_2017);
    (void)hub::check_section(*body, "tags", hub::max_tags_bytes);
    return 0;
}
