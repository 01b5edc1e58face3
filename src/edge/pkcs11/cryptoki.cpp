#include "edge/pkcs11/cryptoki.h"

#include <algorithm>
#include <array>
#include <utility>

namespace muster::edge::pkcs11 {
namespace {

struct Named {
    CK_RV value;
    std::string_view name;
};

#define MUSTER_NAMED(name) \
    Named {                \
        name, #name        \
    }
constexpr std::array names{
    MUSTER_NAMED(CKR_ACTION_PROHIBITED),
    MUSTER_NAMED(CKR_ARGUMENTS_BAD),
    MUSTER_NAMED(CKR_ATTRIBUTE_READ_ONLY),
    MUSTER_NAMED(CKR_ATTRIBUTE_SENSITIVE),
    MUSTER_NAMED(CKR_ATTRIBUTE_TYPE_INVALID),
    MUSTER_NAMED(CKR_ATTRIBUTE_VALUE_INVALID),
    MUSTER_NAMED(CKR_BUFFER_TOO_SMALL),
    MUSTER_NAMED(CKR_CANT_LOCK),
    MUSTER_NAMED(CKR_CRYPTOKI_ALREADY_INITIALIZED),
    MUSTER_NAMED(CKR_CRYPTOKI_NOT_INITIALIZED),
    MUSTER_NAMED(CKR_CURVE_NOT_SUPPORTED),
    MUSTER_NAMED(CKR_DATA_INVALID),
    MUSTER_NAMED(CKR_DATA_LEN_RANGE),
    MUSTER_NAMED(CKR_DEVICE_ERROR),
    MUSTER_NAMED(CKR_DEVICE_MEMORY),
    MUSTER_NAMED(CKR_DEVICE_REMOVED),
    MUSTER_NAMED(CKR_DOMAIN_PARAMS_INVALID),
    MUSTER_NAMED(CKR_ENCRYPTED_DATA_INVALID),
    MUSTER_NAMED(CKR_ENCRYPTED_DATA_LEN_RANGE),
    MUSTER_NAMED(CKR_FUNCTION_CANCELED),
    MUSTER_NAMED(CKR_FUNCTION_FAILED),
    MUSTER_NAMED(CKR_FUNCTION_NOT_SUPPORTED),
    MUSTER_NAMED(CKR_FUNCTION_REJECTED),
    MUSTER_NAMED(CKR_GENERAL_ERROR),
    MUSTER_NAMED(CKR_HOST_MEMORY),
    MUSTER_NAMED(CKR_KEY_FUNCTION_NOT_PERMITTED),
    MUSTER_NAMED(CKR_KEY_HANDLE_INVALID),
    MUSTER_NAMED(CKR_KEY_SIZE_RANGE),
    MUSTER_NAMED(CKR_KEY_TYPE_INCONSISTENT),
    MUSTER_NAMED(CKR_MECHANISM_INVALID),
    MUSTER_NAMED(CKR_MECHANISM_PARAM_INVALID),
    MUSTER_NAMED(CKR_NEED_TO_CREATE_THREADS),
    MUSTER_NAMED(CKR_OBJECT_HANDLE_INVALID),
    MUSTER_NAMED(CKR_OPERATION_ACTIVE),
    MUSTER_NAMED(CKR_OPERATION_NOT_INITIALIZED),
    MUSTER_NAMED(CKR_PIN_EXPIRED),
    MUSTER_NAMED(CKR_PIN_INCORRECT),
    MUSTER_NAMED(CKR_PIN_INVALID),
    MUSTER_NAMED(CKR_PIN_LEN_RANGE),
    MUSTER_NAMED(CKR_PIN_LOCKED),
    MUSTER_NAMED(CKR_SESSION_CLOSED),
    MUSTER_NAMED(CKR_SESSION_COUNT),
    MUSTER_NAMED(CKR_SESSION_HANDLE_INVALID),
    MUSTER_NAMED(CKR_SESSION_READ_ONLY),
    MUSTER_NAMED(CKR_SESSION_READ_WRITE_SO_EXISTS),
    MUSTER_NAMED(CKR_SLOT_ID_INVALID),
    MUSTER_NAMED(CKR_TEMPLATE_INCOMPLETE),
    MUSTER_NAMED(CKR_TEMPLATE_INCONSISTENT),
    MUSTER_NAMED(CKR_TOKEN_NOT_PRESENT),
    MUSTER_NAMED(CKR_TOKEN_NOT_RECOGNIZED),
    MUSTER_NAMED(CKR_TOKEN_WRITE_PROTECTED),
    MUSTER_NAMED(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
    MUSTER_NAMED(CKR_USER_NOT_LOGGED_IN),
    MUSTER_NAMED(CKR_USER_PIN_NOT_INITIALIZED),
    MUSTER_NAMED(CKR_USER_TOO_MANY_TYPES),
};
#undef MUSTER_NAMED

constexpr std::array pin_refusals{CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE,
                                  CKR_PIN_EXPIRED,   CKR_PIN_LOCKED,  CKR_USER_PIN_NOT_INITIALIZED};
// CKR_GENERAL_ERROR and CKR_DEVICE_ERROR: what some libraries say of a token that was pulled out and put back.
constexpr std::array stale{CKR_SESSION_HANDLE_INVALID,   CKR_SESSION_CLOSED,        CKR_DEVICE_REMOVED,
                           CKR_TOKEN_NOT_PRESENT,        CKR_TOKEN_NOT_RECOGNIZED,  CKR_USER_NOT_LOGGED_IN,
                           CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_ERROR,          CKR_GENERAL_ERROR,
                           CKR_SLOT_ID_INVALID,          CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID};
constexpr std::array inabilities{CKR_MECHANISM_INVALID,         CKR_MECHANISM_PARAM_INVALID, CKR_FUNCTION_NOT_SUPPORTED,
                                 CKR_CURVE_NOT_SUPPORTED,       CKR_DOMAIN_PARAMS_INVALID,   CKR_KEY_SIZE_RANGE,
                                 CKR_ATTRIBUTE_TYPE_INVALID,    CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT,
                                 CKR_KEY_FUNCTION_NOT_PERMITTED};
constexpr std::array fixed{CKR_FUNCTION_NOT_SUPPORTED, CKR_ATTRIBUTE_READ_ONLY, CKR_ACTION_PROHIBITED};
constexpr std::array bad_input{CKR_DATA_INVALID, CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID,
                               CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_KEY_TYPE_INCONSISTENT};

template <std::size_t Size>
bool contains(const std::array<CK_RV, Size>& values, CK_RV value) {
    return std::ranges::find(values, value) != values.end();
}

template <std::size_t Size>
bool contains(const std::array<CK_RV, Size>& values, const Error& error) {
    return error.number() > 0 && contains(values, static_cast<CK_RV>(error.number()));
}

Errc code_of(CK_RV value) {
    if (contains(inabilities, value)) return Errc::unsupported;
    if (contains(bad_input, value)) return Errc::invalid_argument;
    return Errc::unavailable;
}

std::string hint_for(CK_RV value) {
    switch (value) {
        case CKR_PIN_INCORRECT:
        case CKR_PIN_INVALID:
        case CKR_PIN_LEN_RANGE:
            return "correct the PIN (pin-value or pin-source) in /etc/aziot/config.toml, then run: iotedge config "
                   "apply";
        case CKR_PIN_LOCKED:
            return "set a new PIN as the token's security officer: pkcs11-tool --module LIBRARY --init-pin";
        case CKR_PIN_EXPIRED: return "set a new PIN: pkcs11-tool --module LIBRARY --login --change-pin";
        case CKR_USER_PIN_NOT_INITIALIZED:
            return "set a PIN as the token's security officer: pkcs11-tool --module LIBRARY --init-pin";
        case CKR_USER_NOT_LOGGED_IN: return "add ?pin-value=... or ?pin-source=file:... to the pkcs11: URI";
        case CKR_DEVICE_MEMORY:
            return "the token is full: delete objects with pkcs11-tool --module LIBRARY --delete-object";
        default: return {};
    }
}

}  // namespace

std::string name_of(CK_RV value) {
    for (const auto& named : names)
        if (named.value == value) return std::string(named.name);
    return fmt::format("CKR 0x{:x}", value);
}

Error failure(std::string_view what, CK_RV value) {
    // Vendors' own values do not fit; they are in the text.
    const int number = std::in_range<int>(value) ? static_cast<int>(value) : -1;
    return Error(code_of(value), fmt::format("{}: {}", what, name_of(value)))
        .with_number(number)
        .with_hint(hint_for(value));
}

bool needs_fresh_session(const Error& error) {
    return contains(stale, error);
}

bool is_pin_refusal(const Error& error) {
    return contains(pin_refusals, error);
}

bool forbids_change(const Error& error) {
    return contains(fixed, error);
}

bool is_inability(const Error& error) {
    return contains(inabilities, error);
}

}  // namespace muster::edge::pkcs11
