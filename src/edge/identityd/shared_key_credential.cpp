#include "edge/identityd/shared_key_credential.h"

#include "wire/sas.h"

namespace muster::edge::identityd {
namespace {

// Every request has a token of its own, so this covers one request and some disagreement of the clocks.
constexpr std::chrono::minutes token_life{10};

class SharedKeyCredential final : public Credential {
public:
    SharedKeyCredential(keyd::Client keys, std::string handle) : keys_(std::move(keys)), handle_(std::move(handle)) {}

    Task<Result<std::string>> authorize(std::string resource, std::string policy, TimePoint now) const override {
        const wire::SasDraft draft(resource, policy, now + token_life);
        const auto text = draft.text();
        Bytes message(text.begin(), text.end());
        const auto signature = co_await keys_.sign_hmac(handle_, std::move(message));
        if (!signature)
            co_return fail(signature.error().wrap(Errc::unavailable, "keyd did not sign with the device's key"));
        co_return draft.finish(*signature);
    }

private:
    keyd::Client keys_;
    std::string handle_;
};

Task<Result<std::string>> find_key(Neighbours neighbours, SharedKeySettings settings) {
    auto handle = co_await neighbours.keys.load_key(settings.key_id);
    if (handle) co_return handle;
    co_return fail(handle.error().wrap(Errc::unavailable, fmt::format("no symmetric key \"{}\"", settings.key_id)));
}

}  // namespace

Task<Result<CredentialPtr>> load_credential_of(Neighbours neighbours, SharedKeySettings settings) {
    MUSTER_CO_TRY(auto handle, co_await find_key(neighbours, std::move(settings)));
    co_return std::make_shared<const SharedKeyCredential>(std::move(neighbours.keys), std::move(handle));
}

Task<Result<json::object>> describe_credential_of(Neighbours neighbours, SharedKeySettings settings) {
    MUSTER_CO_TRY(auto handle, co_await find_key(std::move(neighbours), std::move(settings)));
    co_return json::object{{"type", "sas"}, {"keyHandle", std::move(handle)}};
}

}  // namespace muster::edge::identityd
