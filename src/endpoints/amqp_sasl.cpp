#include "endpoints/amqp_sasl.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "endpoints/amqp_provisioning.h"
#include "endpoints/device_registration.h"

namespace muster::endpoints {
namespace {

using wire::amqp::SaslOutcome;

// A challenge goes out in pieces that fit the frame of 512 bytes that SASL has by the standard. Each begins with a
// byte of its own: one bit to say that it is a piece, one that it is the last, and its number.
constexpr std::size_t segment_size = 400;
constexpr unsigned is_segment = 0x80;
constexpr unsigned is_last = 0x40;
constexpr unsigned number_mask = 0x03;

// Both sides begin what they say of a TPM with a zero byte.
std::optional<std::string_view> after_zero(std::string_view text) {
    if (!text.starts_with('\0')) return std::nullopt;
    return text.substr(1);
}

// The text up to the next zero byte, taken off.
std::string_view take_word(std::string_view& text) {
    const auto word = text.substr(0, text.find('\0'));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    return word;
}

AmqpSasl::Answer accepted() {
    return {{}, SaslOutcome::ok};
}

}  // namespace

std::string AmqpSasl::mechanisms(const net::Peer& peer) {
    return peer.chain.empty() ? "PLAIN TPM ANONYMOUS" : "PLAIN TPM EXTERNAL ANONYMOUS";
}

Task<AmqpSasl::Answer> AmqpSasl::begin(wire::amqp::SaslInit init) {
    mechanism_ = std::move(init.mechanism);
    if (equals_ignore_case(mechanism_, "ANONYMOUS")) co_return accepted();
    if (equals_ignore_case(mechanism_, "PLAIN")) co_return accept_plain(init.response);
    if (equals_ignore_case(mechanism_, "TPM")) co_return begin_tpm(init.response);
    if (!equals_ignore_case(mechanism_, "EXTERNAL")) co_return refuse("this mechanism is not offered");
    co_return peer_.chain.empty() ? refuse("no certificate was shown") : accepted();
}

// RFC 4616: who to act for (not looked at), who it is, and what proves it, with zero bytes between.
AmqpSasl::Answer AmqpSasl::accept_plain(const Secret& response) {
    const auto parts = split(response.text(), '\0');
    if (parts.size() != 3) return refuse("the response is not that of PLAIN");
    user_ = parts[1];
    const auto address = parse_registration_address(user_);
    if (!address) return refuse("the user name is not {idScope}/registrations/{registrationId}");
    if (address->scope != services_.scope) return refuse("there is no such id scope here");
    token_ = Secret(parts[2]);
    return accepted();
}

AmqpSasl::Answer AmqpSasl::begin_tpm(const Secret& response) {
    auto rest = after_zero(response.text());
    if (!rest) return refuse("the first response is not that of TPM");
    TpmTalk talk;
    talk.scope = take_word(*rest);
    talk.registration_id = take_word(*rest);
    talk.endorsement_key = *rest;
    user_ = fmt::format("{}/registrations/{}", talk.scope, talk.registration_id);
    if (talk.scope != services_.scope) return refuse("there is no such id scope here");
    if (talk.registration_id.empty() || talk.endorsement_key.empty())
        return refuse("a registration id and an endorsement key belong into the first response");
    tpm_ = std::move(talk);
    return {std::string(1, '\0'), std::nullopt};
}

Task<AmqpSasl::Answer> AmqpSasl::go_on(Secret response) {
    const auto text = tpm_ ? after_zero(response.text()) : std::nullopt;
    if (!text) co_return refuse("the response is not that of the mechanism");
    if (tpm_->challenge.empty()) co_return co_await challenge_tpm(*text);
    if (tpm_->sent < tpm_->challenge.size()) co_return next_segment();
    token_ = Secret(*text);
    co_return accepted();
}

// The same question as over HTTPS: a registration that shows a TPM and nothing that proves it.
Task<AmqpSasl::Answer> AmqpSasl::challenge_tpm(std::string_view storage_root_key) {
    provisioning::DeviceRequest request{.scope = tpm_->scope,
                                        .registration_id = tpm_->registration_id,
                                        .tracking_id = services_.random.guid(),
                                        .peer = peer_.address};
    const json::object body{{"registrationId", tpm_->registration_id},
                            {"tpm",
                             {{"endorsementKey", base64_encode(as_bytes(tpm_->endorsement_key))},
                              {"storageRootKey", base64_encode(as_bytes(storage_root_key))}}}};
    const auto answer = co_await register_device(services_, std::move(request), json::serialize(body));
    const auto challenge = base64_decode(string_or(answer.body, "authenticationKey"));
    if (challenge && !challenge->empty()) {
        tpm_->challenge = as_text(*challenge);
        co_return next_segment();
    }
    // A device that is refused provisions again; one that meets our trouble comes back.
    if (answer.status >= 500 || answer.status == 429) co_return Answer{{}, SaslOutcome::trouble};
    co_return refuse(string_or(answer.body, "message"));
}

AmqpSasl::Answer AmqpSasl::next_segment() {
    const auto piece = std::string_view(tpm_->challenge).substr(tpm_->sent, segment_size);
    tpm_->sent += piece.size();
    const unsigned last = tpm_->sent == tpm_->challenge.size() ? is_last : 0;
    const unsigned control = is_segment | last | (tpm_->segments++ & number_mask);
    return {std::string(1, static_cast<char>(control)).append(piece), std::nullopt};
}

// All that the client hears is a number: its owner finds the reason here.
AmqpSasl::Answer AmqpSasl::refuse(std::string_view reason) const {
    log::info("AMQP session refused", {{"peer", peer_.address},
                                       {"mechanism", printable(mechanism_)},
                                       {"userName", printable(user_)},
                                       {"reason", reason}});
    return {{}, SaslOutcome::refused};
}

}  // namespace muster::endpoints
