#include <set>

#include "base/text.h"
#include "provisioning/attestation.h"

namespace muster::provisioning {
namespace {

std::string describe_token_fault(const wire::SasToken& token, const DeviceRequest& request, TimePoint now,
                                 std::chrono::seconds patience) {
    const auto wanted = fmt::format("{}/registrations/{}", request.scope, request.registration_id);
    if (!equals_ignore_case(token.resource, wanted))
        return fmt::format("the shared access signature is for '{}', not for '{}'", printable(token.resource), wanted);
    if (token.expired(now, patience))
        return fmt::format("the shared access signature has expired; it is {} here: check the device's clock",
                           format_utc_seconds(now));
    return {};
}

// The id as the device wrote it is what it derived its key from; some clients write it in lower case everywhere.
std::optional<GroupMatch> match_group(const KeyGroup& group, const wire::SasToken& token,
                                      const DeviceRequest& request) {
    const std::set<std::string> ids{token.resource.substr(token.resource.rfind('/') + 1), request.registration_id,
                                    to_lower(request.registration_id)};
    for (const auto& id : ids) {
        for (const auto* key : {&group.primary_key, &group.secondary_key}) {
            const auto device_key = base64_decode(derive_device_key(key->bytes(), id));
            if (!token.signed_by(*device_key)) continue;
            return GroupMatch{group.group, derive_device_key(group.primary_key.bytes(), id),
                              derive_device_key(group.secondary_key.bytes(), id)};
        }
    }
    return std::nullopt;
}

}  // namespace

std::string derive_device_key(ByteView group_key, std::string_view registration_id) {
    return base64_encode(pki::hmac_sha256(group_key, as_bytes(registration_id)));
}

Verdict judge_token(const DeviceRequest& request, const GroupIndex& groups, TimePoint now,
                    std::chrono::seconds patience) {
    Verdict verdict;
    auto token = wire::SasToken::parse(request.authorization);
    if (!token) {
        verdict.fault = token.error().chain();
        return verdict;
    }
    verdict.fault = describe_token_fault(*token, request, now, patience);
    if (verdict.usable()) {
        for (const auto& group : groups.key_groups()) {
            verdict.group = match_group(group, *token, request);
            if (verdict.group) break;
        }
    }
    if (!verdict.group) verdict.group_fault = "the shared access signature is not made with a key of this device";
    verdict.token = std::move(*token);
    verdict.patience = patience;
    return verdict;
}

}  // namespace muster::provisioning
