#include "edge/pkcs11/sessions.h"

#include "base/log.h"
#include "base/text.h"

namespace muster::edge::pkcs11 {
namespace {

// For a token that allows only so many sessions, and all are in use.
constexpr auto session_patience = std::chrono::seconds(20);

bool is_logged_in(const CK_FUNCTION_LIST& functions, CK_SESSION_HANDLE session) {
    CK_SESSION_INFO info{};
    if (functions.C_GetSessionInfo(session, &info) != CKR_OK) return false;
    return info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
}

// A PIN that is wrong costs the token at its last try, and a daemon cannot ask whether it is right.
Result<> check_tries(const TokenInfo& token) {
    if (token.pin_locked) return fail(failure(fmt::format("the token {} is locked", token.text()), CKR_PIN_LOCKED));
    if (!token.last_try) return {};
    return fail(failure(fmt::format("the token {} has one try of its PIN left, which is not spent on the one that is "
                                    "configured",
                                    token.text()),
                        CKR_PIN_INCORRECT)
                    .with_hint("correct the PIN (pin-value or pin-source) in /etc/aziot/config.toml, log in once by "
                               "hand, which gives the tries back: pkcs11-tool --module LIBRARY --login "
                               "--list-objects; then run: iotedge config apply"));
}

}  // namespace

Session Sessions::Lease::session() const {
    // The PIN changes only while nothing is lent.
    return Session(owner_->module_.functions(), handle_, slot_, owner_->pin_ ? &*owner_->pin_ : nullptr);
}

Sessions::~Sessions() {
    const auto held = module_.hold();
    drop_idle();
}

// Handles of an earlier life of the library mean something else by now.
void Sessions::drop_idle() {
    if (epoch_ == module_.epoch())
        for (const auto session : idle_) module_.functions().C_CloseSession(session);
    idle_.clear();
}

void Sessions::forget() {
    const auto held = module_.hold();
    const std::lock_guard lock(mutex_);
    drop_idle();
    token_.reset();
}

void Sessions::take_back(CK_SESSION_HANDLE session, CK_SLOT_ID slot, bool in_order) {
    const std::lock_guard lock(mutex_);
    --lent_;
    if (in_order && token_ && token_->slot == slot)
        idle_.push_back(session);
    else
        module_.functions().C_CloseSession(session);
    returned_.notify_one();
}

Result<TokenInfo> Sessions::info() {
    const auto held = module_.hold();
    return module_.find_token(where_);
}

Result<> Sessions::log_in(CK_SESSION_HANDLE session) {
    MUSTER_TRY(auto pin, where_.pin());
    if (!pin) return {};
    // While sessions are lent the PIN stays in its place: they may need it.
    if (!pin_) pin_ = std::move(*pin);
    const auto turn = module_.login_turn(token_->slot);
    if (is_logged_in(module_.functions(), session)) return {};
    if (const auto before = module_.refusal_of(*token_, *pin_))
        return fail(before->wrap("the PIN was refused before and is not tried again"));
    MUSTER_TRY(const auto now, module_.describe(token_->slot));
    MUSTER_CHECK(check_tries(now));
    auto* const text = const_cast<unsigned char*>(pin_->bytes().data());
    const auto value = module_.functions().C_Login(session, CKU_USER, text, pin_->size());
    if (value == CKR_USER_ALREADY_LOGGED_IN) return {};
    auto done = check(fmt::format("cannot log in to the token {}", where_.text()), value);
    if (done || !is_pin_refusal(done.error())) return done;
    module_.note_refusal(*token_, *pin_, done.error());
    log::error("the token refuses the PIN; it is not tried again until keyd starts anew",
               {{"token", token_->text()}, {"error", done.error().message()}});
    return done;
}

Result<CK_SESSION_HANDLE> Sessions::open() {
    const auto slot = token_->slot;
    CK_SESSION_HANDLE session = 0;
    const auto& functions = module_.functions();
    auto value = functions.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session);
    if (value == CKR_TOKEN_WRITE_PROTECTED)
        value = functions.C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session);
    MUSTER_CHECK(check(fmt::format("cannot open a session with the token {}", where_.text()), value));
    if (auto done = log_in(session); !done) {
        functions.C_CloseSession(session);
        return fail(std::move(done).error());
    }
    return session;
}

Result<Sessions::Lease> Sessions::acquire_held(std::shared_lock<std::shared_mutex>& held) {
    std::unique_lock lock(mutex_);
    const auto deadline = std::chrono::steady_clock::now() + session_patience;
    for (;;) {
        if (epoch_ != module_.epoch()) {
            idle_.clear();
            token_.reset();
            epoch_ = module_.epoch();
        }
        if (!token_) {
            MUSTER_TRY(token_, module_.find_token(where_));
        }
        const auto slot = token_->slot;
        if (!idle_.empty()) {
            const auto session = idle_.back();
            idle_.pop_back();
            ++lent_;
            return Lease(*this, std::move(held), session, slot);
        }
        auto session = open();
        if (session) {
            ++lent_;
            return Lease(*this, std::move(held), *session, slot);
        }
        const bool all_in_use = session.error().number() == static_cast<int>(CKR_SESSION_COUNT) && lent_ > 0;
        if (!all_in_use) {
            token_.reset();
            return fail(std::move(session).error());
        }
        if (returned_.wait_until(lock, deadline) == std::cv_status::timeout) return fail(std::move(session).error());
    }
}

Result<Sessions::Lease> Sessions::acquire() {
    auto held = module_.hold();
    auto lease = acquire_held(held);
    const bool absent = !lease && lease.error().code() == Errc::unavailable && !is_pin_refusal(lease.error());
    if (lease || !absent) return lease;
    // Perhaps it is there and the library has not looked since it was started.
    if (held) held.unlock();
    if (!module_.restart()) return lease;
    auto again = module_.hold();
    return acquire_held(again);
}

}  // namespace muster::edge::pkcs11
