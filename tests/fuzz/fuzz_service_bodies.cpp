// Enrollments and enrollment groups as a service client may send them. What is accepted can be shown, and what is shown
// can be sent back: az CLI updates by GET, change, PUT.
// rooms: base pki wire store hub provisioning
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "provisioning/enrollment.h"

namespace {

using namespace muster;
using provisioning::EnrollmentKind;

void round_trip(EnrollmentKind kind, const json::object& body, Random& random) {
    const provisioning::ServiceFacts facts{.hub = "localhost"};
    const auto first = provisioning::enrollment_from_json(kind, "fuzz", body, nullptr, facts, random);
    if (!first) return;
    const auto shown = provisioning::enrollment_to_json(*first);
    (void)provisioning::enrollment_to_json_with_keys(*first);
    (void)provisioning::attestation_mechanism(*first);
    (void)provisioning::ca_references(*first);
    if (!provisioning::enrollment_rules(*first)) std::abort();

    const auto second = provisioning::enrollment_from_json(kind, "fuzz", shown, &*first, facts, random);
    if (!second) std::abort();
    if (second->primary_certificate != first->primary_certificate || second->primary_key != first->primary_key) {
        std::abort();  // an update that leaves the credential alone must keep it
    }
    if (provisioning::enrollment_to_json(*second) != shown) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = parse_json_object({reinterpret_cast<const char*>(data), size});
    if (!body) return 0;
    SeededRandom random(1);
    round_trip(EnrollmentKind::individual, *body, random);
    round_trip(EnrollmentKind::group, *body, random);
    return 0;
}
