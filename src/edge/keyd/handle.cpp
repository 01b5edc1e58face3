#include "edge/keyd/handle.h"

#include "base/json.h"
#include "base/text.h"
#include "pki/key.h"

namespace muster::edge::keyd {
namespace {

json::object describe(const KeyRef& key) {
    switch (key.kind) {
        case KeyRef::Kind::key: return {{"Key", key.id}};
        case KeyRef::Kind::key_pair: return {{"KeyPair", key.id}};
        case KeyRef::Kind::derived: break;
    }
    return {{"Derived", json::array{key.id, base64_encode(key.derivation)}}};
}

std::optional<KeyRef> parse_description(const json::object& object) {
    if (const auto* id = object.if_contains("Key"); id != nullptr && id->is_string())
        return KeyRef{KeyRef::Kind::key, std::string(id->get_string()), {}};
    if (const auto* id = object.if_contains("KeyPair"); id != nullptr && id->is_string())
        return KeyRef{KeyRef::Kind::key_pair, std::string(id->get_string()), {}};
    const auto* derived = object.if_contains("Derived");
    if (derived == nullptr || !derived->is_array()) return std::nullopt;
    const auto& parts = derived->get_array();
    if (parts.size() != 2 || !parts[0].is_string() || !parts[1].is_string()) return std::nullopt;
    auto derivation = base64_decode(std::string_view(parts[1].get_string()));
    if (!derivation) return std::nullopt;
    return KeyRef{KeyRef::Kind::derived, std::string(parts[0].get_string()), std::move(*derivation)};
}

std::unexpected<Error> not_a_handle() {
    return fail(
        Error(Errc::invalid_argument, "parameter \"keyHandle\" has an invalid value: it is not a handle of this keyd")
            .with_hint("ask keyd for the key again by its id"));
}

}  // namespace

std::string make_handle(const KeyRef& key, const Secret& validation_key, Random& random) {
    const json::object content{{"key_id", describe(key)}, {"nonce", base64_encode(random.bytes(32))}};
    const auto sr = base64_encode(as_bytes(json::serialize(content)));
    const auto signature = base64_encode(pki::hmac_sha256(validation_key.bytes(), as_bytes(sr)));
    return fmt::format("sr={}&sig={}", percent_encode(sr), percent_encode(signature));
}

Result<KeyRef> open_handle(std::string_view handle, const Secret& validation_key) {
    const auto between = handle.find("&sig=");
    if (!handle.starts_with("sr=") || between == std::string_view::npos) return not_a_handle();
    const auto sr = percent_decode(handle.substr(3, between - 3));
    const auto sig = percent_decode(handle.substr(between + 5));
    if (!sr || !sig) return not_a_handle();
    const auto signature = base64_decode(*sig);
    if (!signature) return not_a_handle();
    if (!equal_constant_time(pki::hmac_sha256(validation_key.bytes(), as_bytes(*sr)), *signature))
        return not_a_handle();

    const auto content = base64_decode(*sr);
    if (!content) return not_a_handle();
    const auto object = parse_json_object(as_text(*content));
    if (!object) return not_a_handle();
    const auto* key_id = find_member(*object, "key_id");
    if (key_id == nullptr || !key_id->is_object()) return not_a_handle();
    auto key = parse_description(key_id->get_object());
    if (!key) return not_a_handle();
    return std::move(*key);
}

}  // namespace muster::edge::keyd
