#include "hub/device_credentials.h"

#include "base/log.h"
#include "base/text.h"
#include "hub/errors.h"
#include "wire/sas.h"

namespace muster::hub {
namespace {

using store::IdentityRecord;

std::unexpected<Error> refused(std::string_view device_id, std::string_view reason) {
    // The caller hears one sentence for all of these; the operator reads which it was.
    log::warn("device refused by the hub", {{"deviceId", printable(device_id)}, {"reason", reason}});
    return fail(
        Error(Errc::unauthorized, "the credentials do not fit a device of this hub").with_number(code::unauthorized));
}

bool has_thumbprint(const IdentityRecord& device, const DeviceCredentials& credentials) {
    const auto fits = [&](const std::string& stored) {
        return !stored.empty() && (stored == credentials.leaf_sha256 || stored == credentials.leaf_sha1);
    };
    return fits(device.primary_thumbprint) || fits(device.secondary_thumbprint);
}

bool signed_by_device(const wire::SasToken& token, const IdentityRecord& device) {
    for (const auto& text : {device.primary_key, device.secondary_key}) {
        if (text.empty()) continue;
        const auto key = base64_decode(text);
        if (key && token.signed_by(*key)) return true;
    }
    return false;
}

// "host[:port]/devices/{id}", and what lies below it.
bool is_for_device(const wire::SasToken& token, std::string_view device_id, const std::vector<std::string>& hosts) {
    const auto parts = split(token.resource, '/');
    if (parts.size() < 3 || !equals_ignore_case(parts[1], "devices")) return false;
    // The id in the resource is encoded once more by some clients.
    const auto id = percent_decode(parts[2]);
    if (parts[2] != device_id && (!id || *id != device_id)) return false;
    const auto host = parts[0].substr(0, parts[0].find(':'));
    return std::ranges::any_of(hosts, [&](const auto& name) {
        return equals_ignore_case(std::string_view(name).substr(0, name.find(':')), host);
    });
}

std::string_view judge_sas(const IdentityRecord& device, const DeviceCredentials& credentials,
                           const std::vector<std::string>& hosts, TimePoint now) {
    if (device.authentication != "sas") return "the device does not authenticate with keys";
    const auto token = wire::SasToken::parse(credentials.authorization);
    if (!token) return "the shared access signature is malformed";
    if (!signed_by_device(*token, device)) return "the shared access signature is not made with the device's key";
    if (token->expired(now)) return "the shared access signature has expired";
    if (!is_for_device(*token, device.device_id, hosts)) return "the shared access signature is for another resource";
    return {};
}

std::string_view judge(const IdentityRecord& device, const DeviceCredentials& credentials,
                       const std::vector<std::string>& hosts, TimePoint now) {
    if (!credentials.authorization.empty()) return judge_sas(device, credentials, hosts, now);
    if (credentials.leaf_sha256.empty()) return "neither a client certificate nor an Authorization header came";
    if (device.authentication != "selfSigned") return "the device does not authenticate with a certificate";
    if (!has_thumbprint(device, credentials)) return "the client certificate is not the device's";
    return {};
}

}  // namespace

Task<Result<>> authenticate_device(store::Store& store, std::string device_id, DeviceCredentials credentials,
                                   std::vector<std::string> hosts, TimePoint now) {
    MUSTER_CO_TRY(const auto device,
                  co_await store.read([&](store::Tx& tx) { return tx.identities().find(device_id); }));
    if (!device) co_return refused(device_id, "there is no such device");
    if (const auto reason = judge(*device, credentials, hosts, now); !reason.empty())
        co_return refused(device_id, reason);
    if (device->status != "enabled")
        co_return fail(Error(Errc::forbidden, fmt::format("device '{}' is disabled", device_id))
                           .with_hint("enable it in the hub's registry")
                           .with_number(code::device_disabled));
    co_return Result<>();
}

}  // namespace muster::hub
