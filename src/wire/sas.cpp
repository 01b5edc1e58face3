#include "wire/sas.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/text.h"

namespace muster::wire {
namespace {

constexpr std::string_view scheme = "SharedAccessSignature";
// Longer than any token an SDK makes; what is longer is not looked at.
constexpr std::size_t max_token = 4096;

Bytes hmac(ByteView key, std::string_view text) {
    Bytes out(32);
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(text).data(), text.size(), out.data(), &size);
    return out;
}

std::string signed_text(std::string_view resource, std::string_view expiry) {
    return fmt::format("{}\n{}", resource, expiry);
}

std::unexpected<Error> bad_token(std::string_view why) {
    return fail(Errc::unauthorized, "the shared access signature is malformed: {}", why);
}

}  // namespace

Result<SasToken> SasToken::parse(std::string_view text) {
    text = trim(text);
    if (text.size() > max_token) return bad_token("it is too long");
    if (!starts_with_ignore_case(text, scheme)) return bad_token("it does not begin with SharedAccessSignature");
    text = trim(text.substr(scheme.size()));

    SasToken token;
    bool has_signature = false;
    for (const auto parameter : split(text, '&')) {
        const auto equals = parameter.find('=');
        if (equals == std::string_view::npos) return bad_token("a parameter has no value");
        const auto name = parameter.substr(0, equals);
        const auto value = parameter.substr(equals + 1);
        auto decoded = percent_decode(value);
        if (!decoded) return bad_token("a percent escape is broken");
        if (name == "sr") {
            token.resource_as_presented = value;
            token.resource = std::move(*decoded);
        } else if (name == "sig") {
            auto signature = base64_decode(*decoded);
            if (!signature) return bad_token("sig is not base64");
            token.signature = std::move(*signature);
            has_signature = true;
        } else if (name == "se") {
            const auto expiry = parse_integer<std::int64_t>(value);
            if (!expiry || *expiry < 0) return bad_token("se is not a number of seconds");
            token.expiry = *expiry;
            token.expiry_as_presented = value;
        } else if (name == "skn") {
            token.policy = std::move(*decoded);
        }
    }
    if (token.resource.empty()) return bad_token("sr is missing");
    if (!has_signature) return bad_token("sig is missing");
    if (token.expiry_as_presented.empty()) return bad_token("se is missing");
    return token;
}

bool SasToken::signed_by(ByteView key) const {
    return equal_constant_time(hmac(key, signed_text(resource_as_presented, expiry_as_presented)), signature);
}

bool SasToken::expired(TimePoint now, std::chrono::seconds skew) const {
    const auto now_seconds = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
    // Compared without adding to the client's number, which may be as large as it likes.
    return expiry < now_seconds - skew.count();
}

SasDraft::SasDraft(std::string_view resource, std::string_view policy, TimePoint expiry)
    : resource_(percent_encode(resource)),
      policy_(percent_encode(policy)),
      expiry_(fmt::format("{}", std::chrono::floor<std::chrono::seconds>(expiry).time_since_epoch().count())) {}

std::string SasDraft::text() const {
    return signed_text(resource_, expiry_);
}

std::string SasDraft::finish(ByteView signature) const {
    auto token =
        fmt::format("{} sr={}&sig={}&se={}", scheme, resource_, percent_encode(base64_encode(signature)), expiry_);
    if (!policy_.empty()) token += fmt::format("&skn={}", policy_);
    return token;
}

std::string make_sas(std::string_view resource, ByteView key, std::string_view policy, TimePoint expiry) {
    const SasDraft draft(resource, policy, expiry);
    return draft.finish(hmac(key, draft.text()));
}

Result<ConnectionString> ConnectionString::parse(std::string_view text) {
    ConnectionString out;
    for (const auto part : split(trim(text), ';')) {
        if (part.empty()) continue;
        const auto equals = part.find('=');
        if (equals == std::string_view::npos)
            return fail(Errc::invalid_argument,
                        "the connection string has a part without '=': expected "
                        "HostName=...;SharedAccessKeyName=...;SharedAccessKey=...");
        const auto name = trim(part.substr(0, equals));
        const auto value = part.substr(equals + 1);
        if (equals_ignore_case(name, "HostName")) {
            out.host = value;
        } else if (equals_ignore_case(name, "SharedAccessKeyName")) {
            out.policy = value;
        } else if (equals_ignore_case(name, "SharedAccessKey")) {
            auto key = base64_decode(value);
            if (!key) return fail(Errc::invalid_argument, "SharedAccessKey of the connection string is not base64");
            out.key = Secret(std::move(*key));
        } else if (equals_ignore_case(name, "DeviceId")) {
            out.device_id = value;
        } else if (equals_ignore_case(name, "ModuleId")) {
            out.module_id = value;
        }
    }
    if (out.host.empty()) return fail(Errc::invalid_argument, "the connection string has no HostName");
    if (out.key.empty()) return fail(Errc::invalid_argument, "the connection string has no SharedAccessKey");
    return out;
}

}  // namespace muster::wire
