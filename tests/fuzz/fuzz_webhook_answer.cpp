// What a webhook may answer when it is asked for a hub. What is taken names a hub that it was offered, and a twin that
// an enrollment could have.
// rooms: base pki wire store hub provisioning
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "provisioning/webhook.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace muster;
    const std::vector<std::string> hubs{"own.example", "B.example"};
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    (void)provisioning::check_webhook_url(text);
    const auto answer = provisioning::read_webhook_answer(text, hubs);
    if (!answer) return 0;
    if (std::ranges::find(hubs, answer->hub) == hubs.end()) std::abort();
    if (!answer->payload.empty() && !parse_json(answer->payload)) std::abort();
    if (!answer->initial_twin) return 0;
    for (const auto& section : {answer->initial_twin->tags, answer->initial_twin->desired})
        if (!section.empty() && !parse_json_object(section)) std::abort();
    return 0;
}
