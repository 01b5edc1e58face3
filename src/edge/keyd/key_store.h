// All of keyd's keys, wherever they are: those that the settings name (a file or a token), then those in the base slot,
// then those in files (facts/device.md 5.3).
//
// While a base slot is configured and cannot be asked, nobody knows whether a key is in it: that is an error, never "no
// such key", which would have a new one made in its place.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "edge/keyd/key.h"
#include "edge/keyd/key_files.h"
#include "edge/keyd/token_keys.h"

namespace muster::edge::keyd {

// Finding and using: from any thread. Making, moving and removing: from one thread at a time, which is what keeps two
// creations of the same key apart. Every call blocks: disk, key generation, a token.
class KeyStore {
public:
    // `tokens` is null where none is configured.
    KeyStore(KeyFiles files, std::unique_ptr<TokenKeys> tokens, Random& random);

    const KeyFiles& files() const { return files_; }
    // The token that is asked for a key of this id (TokenKeys::token_name), if one is: it names a key there, or the
    // base slot may have it.
    std::optional<std::string> token_asked_for(const std::string& id) const {
        if (!in_token_by_name(id) && (!base_slot() || files_.is_preloaded(id))) return std::nullopt;
        return tokens_->token_name(id);
    }

    // Null when there is no such key.
    Result<std::unique_ptr<KeyPair>> find_pair(const std::string& id) const;
    Result<std::unique_ptr<SymmetricKey>> find_key(const std::string& id) const;

    // In the token where there is a base slot and it can, else in a file.
    Result<> create_pair(const std::string& id, const std::vector<pki::KeySpec>& preferred);
    Result<> create_key(const std::string& id, KeyUse use);
    // Replaces an older key, unless it is the same.
    Result<> import_key(const std::string& id, KeyUse use, const Secret& key);
    Result<> move_pair(const std::string& from, const std::string& to);
    Result<> remove_pair(const std::string& id);
    Result<> remove_key(const std::string& id);

private:
    bool in_token_by_name(const std::string& id) const { return tokens_ && tokens_->is_preloaded(id); }
    bool base_slot() const { return tokens_ && tokens_->has_base_slot(); }
    Result<> refuse_preloaded(const std::string& id, std::string_view what) const;
    Result<> check_can_move(const std::string& id) const;

    KeyFiles files_;
    std::unique_ptr<TokenKeys> tokens_;
    Random& random_;
};

}  // namespace muster::edge::keyd
