#include "endpoints/tpm_challenge.h"

#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

constexpr int unauthorized = 401;

json::object challenge_body(const Bytes& blob) {
    return {{"authenticationKey", base64_encode(blob)},
            {"keyName", provisioning::tpm_key_name},
            {"message",
             "Unauthorized: answer with a shared access signature made with the key in authenticationKey, which "
             "this TPM alone can take out"}};
}

}  // namespace

bool shows_tpm(const provisioning::DeviceRequest& request, const json::object& body) {
    return request.authorization.empty() && find_member(body, "tpm") != nullptr;
}

Task<DeviceAnswer> challenge_tpm(const Services& services, provisioning::DeviceRequest request, json::object body) {
    const auto tracking_id = request.tracking_id;
    auto keys = provisioning::TpmKeys::from_json(body);
    if (!keys) co_return failed_device_answer(services, keys.error(), tracking_id);
    provisioning::Refusals::Refused refused{request.registration_id, request.peer, tracking_id, 0, {}};
    const auto blob = co_await services.registrations.challenge_tpm(std::move(request), std::move(**keys));
    if (blob) co_return DeviceAnswer{unauthorized, challenge_body(*blob), std::nullopt};
    if (blob.error().code() == Errc::unauthorized) {
        refused.error_code = provisioning::error_number(blob.error());
        refused.reason = blob.error().chain();
        co_await services.refusals.note(std::move(refused));
    }
    co_return failed_device_answer(services, blob.error(), tracking_id);
}

}  // namespace muster::endpoints
