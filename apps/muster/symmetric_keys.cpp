#include "muster/symmetric_keys.h"

#include "base/file.h"
#include "base/text.h"
#include "pki/key.h"

namespace muster::cli {
namespace {

constexpr std::size_t shortest_key = 16;
constexpr std::size_t longest_key = 64;

}  // namespace

std::string check_key_argument(const std::string& argument) {
    if (argument.starts_with('@') && argument.size() > 1) return {};
    return "a key on the command line can be read by every user of this machine: put it into a file and give @FILE";
}

Result<Secret> read_key(const std::string& argument) {
    const auto path = argument.substr(1);
    MUSTER_TRY(auto text, read_file(path, 4096));
    Secret key(trim(text));
    wipe(text.data(), text.size());
    const auto bytes = base64_decode(key.text());
    if (!bytes || bytes->size() < shortest_key || bytes->size() > longest_key)
        return fail(Errc::invalid_argument, "{} does not hold a key: base64 of {} to {} bytes", path, shortest_key,
                    longest_key);
    return key;
}

Result<Secret> derive_device_key(std::string_view group_key_base64, std::string_view registration_id) {
    auto group_key = base64_decode(group_key_base64);
    if (!group_key) return fail(Errc::internal, "the group's key is not base64");
    const Secret key(std::move(*group_key));
    auto derived = pki::hmac_sha256(key.bytes(), as_bytes(registration_id));
    Secret text(base64_encode(derived));
    wipe(derived.data(), derived.size());
    return text;
}

void wipe_strings(json::value& value) {
    if (value.is_string()) {
        wipe(value.as_string().data(), value.as_string().size());
    } else if (value.is_array()) {
        for (auto& item : value.as_array()) wipe_strings(item);
    } else if (value.is_object()) {
        for (auto& member : value.as_object()) wipe_strings(member.value());
    }
}

}  // namespace muster::cli
