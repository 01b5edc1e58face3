#include "provisioning/operation_id.h"

#include <fmt/format.h>

#include "base/text.h"
#include "pki/key.h"

namespace muster::provisioning {
namespace {

constexpr std::string_view prefix = "4.";
constexpr std::size_t mac_digits = 16;

std::string mac(ByteView key, const OperationBinding& binding, std::string_view guid) {
    const auto text = fmt::format("{}\n{}\n{}\n{}", guid, to_lower(binding.scope), to_lower(binding.registration_id),
                                  binding.credential);
    return hex_encode(pki::hmac_sha256(key, as_bytes(text))).substr(0, mac_digits);
}

}  // namespace

std::string make_operation_id(ByteView key, const OperationBinding& binding, Random& random) {
    const auto guid = random.guid();
    return fmt::format("{}{}.{}", prefix, mac(key, binding, guid), guid);
}

bool is_operation_id(ByteView key, const OperationBinding& binding, std::string_view operation_id) {
    constexpr std::size_t guid_length = 36;
    if (operation_id.size() != prefix.size() + mac_digits + 1 + guid_length) return false;
    if (!operation_id.starts_with(prefix) || operation_id[prefix.size() + mac_digits] != '.') return false;
    const auto guid = operation_id.substr(operation_id.size() - guid_length);
    return equal_constant_time(mac(key, binding, guid), operation_id.substr(prefix.size(), mac_digits));
}

}  // namespace muster::provisioning
