#include "edge/pkcs11/token.h"

#include "edge/pkcs11/sessions.h"

namespace muster::edge::pkcs11 {

Token::Token(Module& module, Uri where) : sessions_(std::make_unique<Sessions>(module, std::move(where))) {}

Token::~Token() = default;

const Uri& Token::where() const {
    return sessions_->where();
}

Result<TokenInfo> Token::info() {
    // Through a session: that proves the PIN, and finds a token that was put back.
    MUSTER_CHECK(sessions_->search([](const Session&) { return Result<bool>(false); }));
    return sessions_->info();
}

}  // namespace muster::edge::pkcs11
