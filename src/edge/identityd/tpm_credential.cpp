#include "edge/identityd/tpm_credential.h"

#include "wire/sas.h"

namespace muster::edge::identityd {
namespace {

// A TPM takes long over a signature: a token serves several requests, such as the looks at a registration.
constexpr std::chrono::minutes token_life{60};
constexpr std::chrono::minutes least_left{5};

class TpmCredential : public Credential {
public:
    explicit TpmCredential(tpmd::Client tpm) : tpm_(std::move(tpm)) {}

    // Only on the cloud loop, one call at a time, as its client makes them.
    Task<Result<std::string>> authorize(std::string resource, std::string policy, TimePoint now) const override {
        const bool fresh = now + least_left < expiry_ && expiry_ <= now + token_life;
        if (fresh && resource == resource_) co_return token_;
        const auto expiry = now + token_life;
        const wire::SasDraft draft(resource, policy, expiry);
        const auto text = draft.text();
        const auto signature = co_await sign({text.begin(), text.end()});
        if (!signature)
            co_return fail(signature.error().wrap(Errc::unavailable, "the TPM did not sign for the device"));
        resource_ = std::move(resource);
        expiry_ = expiry;
        token_ = draft.finish(*signature);
        co_return token_;
    }

protected:
    virtual Task<Result<Bytes>> sign(Bytes text) const { co_return co_await tpm_.sign_with_auth_key(std::move(text)); }
    tpmd::Client tpm_;

private:
    mutable std::string resource_;
    mutable std::string token_;
    mutable TimePoint expiry_{};
};

class ChallengeCredential final : public TpmCredential {
public:
    ChallengeCredential(tpmd::Client tpm, std::string key) : TpmCredential(std::move(tpm)), key_(std::move(key)) {}

private:
    Task<Result<Bytes>> sign(Bytes text) const override {
        co_return co_await tpm_.sign_with_wrapped_key(key_, std::move(text));
    }
    std::string key_;
};

}  // namespace

Task<Result<CredentialPtr>> load_credential_of(Neighbours neighbours, TpmSettings) {
    co_return std::make_shared<const TpmCredential>(std::move(neighbours.tpm));
}

Task<Result<json::object>> describe_credential_of(Neighbours, TpmSettings) {
    co_return json::object{{"type", "tpm"}};
}

Task<Result<TpmChallenge>> meet_challenge(tpmd::Client tpm, std::string endpoint, Registration registration,
                                          CloudSettings cloud) {
    auto keys = co_await tpm.keys();
    if (!keys) co_return fail(keys.error().wrap(Errc::unavailable, "the TPM cannot be asked for its keys"));
    registration.tpm = std::move(*keys);
    // Nothing authorizes this request: it is answered with what the next one is to be signed with.
    MUSTER_CO_TRY(auto client,
                  CloudClient::create(dps_target(endpoint, registration), std::make_shared<const Credential>(), cloud));
    MUSTER_CO_TRY(auto key, co_await DpsClient(std::move(client), std::move(registration)).ask_challenge());
    auto credential = std::make_shared<const ChallengeCredential>(std::move(tpm), key);
    co_return TpmChallenge{std::move(credential), std::move(key)};
}

Task<Result<>> keep_tpm_key(tpmd::Client tpm, Assignment assignment, TpmChallenge challenge) {
    auto key = assignment.tpm_key.empty() ? std::move(challenge.key) : std::move(assignment.tpm_key);
    const auto kept = co_await tpm.import_auth_key(std::move(key));
    if (!kept) co_return fail(kept.error().wrap(Errc::unavailable, "the TPM did not take the device's key"));
    co_return Result<>();
}

}  // namespace muster::edge::identityd
