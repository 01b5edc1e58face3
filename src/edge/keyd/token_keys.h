// keyd's keys in PKCS #11 tokens (facts/device.md 5.4): those that pkcs11: URIs of the settings name, and those that
// keyd makes in the base slot, under their ids as labels.
//
// The library is loaded at the first use and again after a failure: a token that is not there when the device starts,
// or is pulled out later, costs the keys in it and nothing else.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "edge/keyd/key.h"
#include "edge/pkcs11/token.h"

namespace muster::edge::keyd {

struct TokenSettings {
    std::filesystem::path library;                      // [aziot_keys] pkcs11_lib_path; empty: no tokens
    std::optional<pkcs11::Uri> base;                    // pkcs11_base_slot: where new keys are made
    std::map<std::string, pkcs11::Uri> preloaded = {};  // id -> the key's URI
};

// What a new symmetric key is for; a key of a token serves one of the two.
enum class KeyUse { sign, encrypt, both };

// Finding and using: from any thread. Making, moving, removing: from one thread at a time. Every call blocks.
class TokenKeys {
public:
    // `home` is keyd's state directory.
    TokenKeys(TokenSettings settings, const std::filesystem::path& home);

    bool is_preloaded(const std::string& id) const { return settings_.preloaded.contains(id); }
    bool has_base_slot() const { return settings_.base.has_value(); }
    // Where a preloaded key is, without its PIN, for messages.
    std::string place_of(const std::string& id) const;
    // The token that is asked for such a key, by the words that select it; equal for keys of the same token. Only for
    // ids that are preloaded, or with a base slot.
    std::string token_name(const std::string& id) const;

    // Null when the token has no such key; an error when it cannot be asked. Preloaded keys must be there.
    Result<std::unique_ptr<KeyPair>> find_pair(const std::string& id);
    Result<std::unique_ptr<SymmetricKey>> find_key(const std::string& id);

    // In the base slot. The first of the algorithms that the token can make; false when it can make none.
    // Errc::conflict: the key is to take another's place ("<id>-temp"), and the token lets no label be changed.
    Result<bool> create_pair(const std::string& id, const std::vector<pki::KeySpec>& preferred, Random& random);
    // False when the token cannot hold such a key.
    Result<bool> create_key(const std::string& id, KeyUse use, const std::optional<Secret>& import, Random& random);
    Result<> remove_pair(const std::string& id);
    Result<> remove_key(const std::string& id);
    // Puts `from` in the place of `to`; once begun it is finished, also after a crash.
    Result<> move_pair(const std::string& from, const std::string& to);

    // The ids of the keys whose tokens the settings name; "" is the base slot.
    std::vector<std::string> known_ids() const;
    // Says in the log whether the token of one of them is there. For the start.
    void report(const std::string& id);

private:
    struct Place {
        std::shared_ptr<pkcs11::Token> token;
        pkcs11::KeyName name;
        std::string text;  // for messages
    };
    Result<Place> place(const std::string& id);
    const pkcs11::Uri& uri_of(const std::string& id) const;
    pkcs11::Uri token_in(const pkcs11::Uri& uri) const;
    Result<std::shared_ptr<pkcs11::Token>> token_of(const pkcs11::Uri& uri);
    Result<std::shared_ptr<pkcs11::Token>> base_token();
    Result<> check_can_move(pkcs11::Token& token, const std::string& id);
    Result<> finish_move(const std::string& wanted);
    Result<> finish_move_locked();
    Result<std::optional<std::string>> moving_to();

    const TokenSettings settings_;
    std::filesystem::path journal_;
    std::mutex loading_;  // guards the library and the tokens
    std::shared_ptr<pkcs11::Module> module_;
    // One for each token, whichever keys are in it: some allow few sessions.
    std::vector<std::shared_ptr<pkcs11::Token>> tokens_;
    std::mutex moving_;  // guards the journal of a move, and
    bool said_stuck_ = false;
};

}  // namespace muster::edge::keyd
