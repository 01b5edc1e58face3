// Asks a PKCS #11 library about tokens and keys, in a child process and as another user. Internal to this room.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "edge/config/access.h"

namespace muster::edge {

struct TokenQuestion {
    enum class About { token, key_pair, secret_key };
    std::string uri;
    std::optional<std::string> base;  // the base slot's URI, for what `uri` leaves out
    About about = About::token;
};

struct TokenProbe {
    std::filesystem::path library;
    std::vector<TokenQuestion> questions;
    std::vector<std::pair<std::string, std::string>> environment;  // beside this process's own
};

// One answer for each question, in their order: of a key pair its public half (SubjectPublicKeyInfo in DER), else
// nothing. A PIN of which the token takes only one more wrong try is not tried.
std::vector<Result<Bytes>> ask_tokens(const TokenProbe& probe, const Identity& who);

}  // namespace muster::edge
