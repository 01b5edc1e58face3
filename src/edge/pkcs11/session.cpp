#include "edge/pkcs11/session.h"

#include <array>
#include <cstring>

#include "base/text.h"

namespace muster::edge::pkcs11 {
namespace {

constexpr std::size_t largest_attribute = 64 * 1024;
constexpr std::size_t largest_signature = 8 * 1024;

// The C API takes what it only reads through pointers that are not const, and no null for what is empty.
unsigned char* input_of(ByteView bytes) {
    static unsigned char nothing = 0;
    return bytes.empty() ? &nothing : const_cast<unsigned char*>(bytes.data());
}

}  // namespace

Template& Template::bytes(CK_ATTRIBUTE_TYPE type, ByteView value) {
    const auto& kept = values_.emplace_back(Bytes(value.begin(), value.end()));
    attributes_.push_back({type, input_of(kept.bytes()), kept.size()});
    return *this;
}

Template& Template::number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    std::array<std::uint8_t, sizeof value> raw{};
    std::memcpy(raw.data(), &value, sizeof value);
    return bytes(type, raw);
}

Template& Template::boolean(CK_ATTRIBUTE_TYPE type, bool value) {
    const std::array<std::uint8_t, 1> raw{value ? std::uint8_t{1} : std::uint8_t{0}};
    return bytes(type, raw);
}

std::string text_of(const KeyName& name) {
    std::vector<std::string> parts;
    if (name.label) parts.push_back(fmt::format("label \"{}\"", printable(*name.label)));
    if (name.id) parts.push_back(fmt::format("id {}", hex_encode(*name.id)));
    return join(parts, ", ");
}

Result<std::vector<Object>> Session::find(Template& attributes) const {
    MUSTER_CHECK(
        check("C_FindObjectsInit", functions_.C_FindObjectsInit(handle_, attributes.data(), attributes.size())));
    std::array<Object, 8> some{};
    CK_ULONG count = 0;
    const auto found = functions_.C_FindObjects(handle_, some.data(), some.size(), &count);
    const auto ended = functions_.C_FindObjectsFinal(handle_);
    MUSTER_CHECK(check("C_FindObjects", found));
    MUSTER_CHECK(check("C_FindObjectsFinal", ended));
    return std::vector<Object>(some.begin(),
                               some.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, some.size())));
}

Result<std::vector<Object>> Session::find(CK_OBJECT_CLASS kind, const KeyName& which) const {
    Template attributes;
    attributes.number(CKA_CLASS, kind).boolean(CKA_TOKEN, true);
    if (which.label) attributes.text(CKA_LABEL, *which.label);
    if (which.id) attributes.bytes(CKA_ID, *which.id);
    return find(attributes);
}

Result<std::optional<Object>> Session::find_one(CK_OBJECT_CLASS kind, const KeyName& which) const {
    MUSTER_TRY(const auto found, find(kind, which));
    if (found.empty()) return std::nullopt;
    if (found.size() == 1) return found.front();
    return fail(Error(Errc::conflict, fmt::format("the token has several keys with the {}", text_of(which)))
                    .with_hint("tell them apart with id=%XX... in the pkcs11: URI, or delete those that are not used"));
}

Result<std::optional<Bytes>> Session::attribute(Object object, CK_ATTRIBUTE_TYPE type) const {
    CK_ATTRIBUTE wanted{type, nullptr, 0};
    auto value = functions_.C_GetAttributeValue(handle_, object, &wanted, 1);
    if (value == CKR_ATTRIBUTE_TYPE_INVALID || value == CKR_ATTRIBUTE_SENSITIVE) return std::nullopt;
    MUSTER_CHECK(check("C_GetAttributeValue", value));
    if (wanted.ulValueLen == CK_UNAVAILABLE_INFORMATION || wanted.ulValueLen > largest_attribute) return std::nullopt;
    Bytes content(wanted.ulValueLen);
    if (content.empty()) return content;
    wanted.pValue = content.data();
    MUSTER_CHECK(check("C_GetAttributeValue", functions_.C_GetAttributeValue(handle_, object, &wanted, 1)));
    content.resize(std::min<std::size_t>(content.size(), wanted.ulValueLen));
    return content;
}

Result<CK_ULONG> Session::number(Object object, CK_ATTRIBUTE_TYPE type) const {
    MUSTER_TRY(const auto raw, attribute(object, type));
    CK_ULONG out = 0;
    if (!raw || raw->size() != sizeof out)
        return fail(Errc::unavailable, "the token's object lacks the attribute 0x{:x}", type);
    std::memcpy(&out, raw->data(), sizeof out);
    return out;
}

Result<> Session::set(Object object, Template& attributes) const {
    return check("C_SetAttributeValue",
                 functions_.C_SetAttributeValue(handle_, object, attributes.data(), attributes.size()));
}

Result<> Session::destroy(Object object) const {
    return check("C_DestroyObject", functions_.C_DestroyObject(handle_, object));
}

Result<Object> Session::create(Template& attributes) const {
    Object object = CK_INVALID_HANDLE;
    MUSTER_CHECK(
        check("C_CreateObject", functions_.C_CreateObject(handle_, attributes.data(), attributes.size(), &object)));
    return object;
}

bool Session::supports(CK_MECHANISM_TYPE mechanism, CK_FLAGS flags) const {
    CK_MECHANISM_INFO info{};
    return functions_.C_GetMechanismInfo(slot_, mechanism, &info) == CKR_OK && (info.flags & flags) == flags;
}

// CKA_ALWAYS_AUTHENTICATE (PKCS #11 v2.40 base, 4.9): between the operation's start and its input.
Result<> Session::give_pin_again(Object key) const {
    if (pin_ == nullptr) return {};
    MUSTER_TRY(const auto always, attribute(key, CKA_ALWAYS_AUTHENTICATE));
    if (!always || always->size() != 1 || always->front() == 0) return {};
    return check("C_Login for one use of the key",
                 functions_.C_Login(handle_, CKU_CONTEXT_SPECIFIC, input_of(pin_->bytes()), pin_->size()));
}

Result<Bytes> Session::sign(CK_MECHANISM_TYPE mechanism, Object key, ByteView input) const {
    CK_MECHANISM chosen{mechanism, nullptr, 0};
    MUSTER_CHECK(check("C_SignInit", functions_.C_SignInit(handle_, &chosen, key)));
    MUSTER_CHECK(give_pin_again(key));
    Bytes signature(largest_signature);
    CK_ULONG size = signature.size();
    MUSTER_CHECK(check("C_Sign", functions_.C_Sign(handle_, input_of(input), input.size(), signature.data(), &size)));
    signature.resize(std::min<std::size_t>(size, signature.size()));
    return signature;
}

Result<Bytes> Session::encrypt(CK_MECHANISM mechanism, Object key, ByteView input, std::size_t room) const {
    MUSTER_CHECK(check("C_EncryptInit", functions_.C_EncryptInit(handle_, &mechanism, key)));
    Bytes output(input.size() + room);
    CK_ULONG size = output.size();
    MUSTER_CHECK(
        check("C_Encrypt", functions_.C_Encrypt(handle_, input_of(input), input.size(), output.data(), &size)));
    output.resize(std::min<std::size_t>(size, output.size()));
    return output;
}

Result<Secret> Session::decrypt(CK_MECHANISM mechanism, Object key, ByteView input) const {
    MUSTER_CHECK(check("C_DecryptInit", functions_.C_DecryptInit(handle_, &mechanism, key)));
    Bytes output(input.size() + 1);  // never empty: that would ask for the size alone
    CK_ULONG size = output.size();
    const auto value = functions_.C_Decrypt(handle_, input_of(input), input.size(), output.data(), &size);
    if (value != CKR_OK) wipe(output.data(), output.size());
    MUSTER_CHECK(check("C_Decrypt", value));
    output.resize(std::min<std::size_t>(size, output.size()));
    return Secret(std::move(output));
}

Result<> Session::generate_pair(CK_MECHANISM_TYPE mechanism, Template& public_half, Template& private_half) const {
    CK_MECHANISM chosen{mechanism, nullptr, 0};
    Object made_public = CK_INVALID_HANDLE;
    Object made_private = CK_INVALID_HANDLE;
    return check("C_GenerateKeyPair",
                 functions_.C_GenerateKeyPair(handle_, &chosen, public_half.data(), public_half.size(),
                                              private_half.data(), private_half.size(), &made_public, &made_private));
}

Result<Object> Session::generate_key(CK_MECHANISM_TYPE mechanism, Template& attributes) const {
    CK_MECHANISM chosen{mechanism, nullptr, 0};
    Object made = CK_INVALID_HANDLE;
    MUSTER_CHECK(check("C_GenerateKey",
                       functions_.C_GenerateKey(handle_, &chosen, attributes.data(), attributes.size(), &made)));
    return made;
}

}  // namespace muster::edge::pkcs11
