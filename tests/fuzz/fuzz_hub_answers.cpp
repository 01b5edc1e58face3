// What hubs that are not our own may answer: the first byte is the status, the rest is the body. What is taken can be
// written to another hub.
// rooms: base pki net wire store hub provisioning links
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "links/hub_answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace muster;
    if (size == 0) return 0;
    const int status = 100 + data[0] * 2;
    const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
    const auto error = links::error_of_answer(status, body);
    if (error.message().empty() || error.message().find('\n') != std::string::npos) std::abort();
    const auto created = links::read_create_answer(status, body);
    if (created && status / 100 != 2) std::abort();

    const hub::DeviceCredential by_key{{}, "AAAA", "BBBB"};
    const hub::DeviceCredential by_certificate{std::string(64, 'A'), {}, {}};
    if (const auto device = links::read_device(body)) {
        (void)links::is_edge(*device);
        (void)links::has_credential(*device, by_key);
        (void)links::has_credential(*device, by_certificate);
    }
    if (auto twin = links::read_twin(body)) {
        const provisioning::RemoteDevice device{
            .device_id = "dev", .credential = by_key, .edge = false, .twin = std::move(*twin), .replace_twin = true};
        for (const auto& section : {device.twin.tags, device.twin.desired, device.twin.reported})
            if (!section.empty() && !parse_json_object(section)) std::abort();
        (void)links::create_request(device);
        (void)links::twin_request(device.twin);
    }
    return 0;
}
