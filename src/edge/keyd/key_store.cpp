#include "edge/keyd/key_store.h"

#include "base/log.h"
#include "base/text.h"

namespace muster::edge::keyd {
namespace {

constexpr std::size_t new_key_bytes = 32;
constexpr std::string_view next_mark = "-temp";  // ends the id of a key that will take another's place

}  // namespace

KeyStore::KeyStore(KeyFiles files, std::unique_ptr<TokenKeys> tokens, Random& random)
    : files_(std::move(files)), tokens_(std::move(tokens)), random_(random) {}

Result<> KeyStore::refuse_preloaded(const std::string& id, std::string_view what) const {
    if (!in_token_by_name(id)) return {};
    return fail(Error(Errc::conflict, fmt::format("cannot {} the key \"{}\": it is preloaded from the token ({})", what,
                                                  printable(id), tokens_->place_of(id)))
                    .with_hint("take it out of /etc/aziot/config.toml, then run: iotedge config apply"));
}

// Before a certificate is issued for a key that could never take its place.
Result<> KeyStore::check_can_move(const std::string& id) const {
    if (!id.ends_with(next_mark)) return {};
    const auto place = id.substr(0, id.size() - next_mark.size());
    if (!files_.is_preloaded(place) && !in_token_by_name(place)) return {};
    return fail(Error(Errc::conflict,
                      fmt::format("the key \"{0}\" is preloaded: a new key pair \"{1}\" could not take its place",
                                  printable(place), printable(id)))
                    .with_hint("set rotate_key = false in auto_renew in /etc/aziot/config.toml, then run: iotedge "
                               "config apply"));
}

Result<std::unique_ptr<KeyPair>> KeyStore::find_pair(const std::string& id) const {
    if (in_token_by_name(id)) return tokens_->find_pair(id);
    if (base_slot() && !files_.is_preloaded(id)) {
        MUSTER_TRY(auto found, tokens_->find_pair(id));
        if (found) return found;
    }
    MUSTER_TRY(const auto there, files_.find(id));
    if (!there) return std::unique_ptr<KeyPair>();
    MUSTER_TRY(auto key, files_.load_pair(id));
    return key_pair_in_memory(std::move(key));
}

Result<std::unique_ptr<SymmetricKey>> KeyStore::find_key(const std::string& id) const {
    if (in_token_by_name(id)) return tokens_->find_key(id);
    if (base_slot() && !files_.is_preloaded(id)) {
        MUSTER_TRY(auto found, tokens_->find_key(id));
        if (found) return found;
    }
    MUSTER_TRY(auto key, files_.find(id));
    if (!key) return std::unique_ptr<SymmetricKey>();
    return symmetric_key_in_memory(std::move(*key));
}

Result<> KeyStore::create_pair(const std::string& id, const std::vector<pki::KeySpec>& preferred) {
    MUSTER_CHECK(check_can_move(id));
    if (base_slot()) {
        MUSTER_TRY(const bool made, tokens_->create_pair(id, preferred, random_));
        if (made) return {};
        return fail(Error(Errc::unsupported, fmt::format("the token ({}) can make none of the keys that were asked for",
                                                         tokens_->place_of(id)))
                        .with_hint("remove pkcs11_base_slot from [aziot_keys] in /etc/aziot/config.toml to keep new "
                                   "keys in files"));
    }
    const auto& spec = preferred.front();
    MUSTER_TRY(const auto key, pki::PrivateKey::generate(spec));
    MUSTER_TRY(const auto pem, key.to_pem());
    MUSTER_CHECK(files_.create(id, pem.bytes()));
    log::info("key pair created", {{"keyId", printable(id)}, {"algorithm", spec.text()}});
    return {};
}

Result<> KeyStore::create_key(const std::string& id, KeyUse use) {
    if (base_slot()) {
        MUSTER_TRY(const bool made, tokens_->create_key(id, use, std::nullopt, random_));
        if (made) return {};
    }
    const Secret fresh(random_.bytes(new_key_bytes));
    MUSTER_CHECK(files_.create(id, fresh.bytes()));
    log::info("key created", {{"keyId", printable(id)}});
    return {};
}

Result<> KeyStore::import_key(const std::string& id, KeyUse use, const Secret& key) {
    MUSTER_CHECK(refuse_preloaded(id, "replace"));
    if (base_slot() && !files_.is_preloaded(id)) {
        MUSTER_TRY(const bool made, tokens_->create_key(id, use, key.clone(), random_));
        // A file of an earlier time would be a second truth.
        if (made) return files_.remove(id);
    }
    MUSTER_TRY(const auto existing, files_.find(id));
    if (existing && equal_constant_time(key.bytes(), existing->bytes())) return {};
    MUSTER_CHECK(files_.put(id, key.bytes()));
    log::info("key imported", {{"keyId", printable(id)}});
    return {};
}

Result<> KeyStore::move_pair(const std::string& from, const std::string& to) {
    MUSTER_CHECK(refuse_preloaded(from, "move"));
    MUSTER_CHECK(refuse_preloaded(to, "replace"));
    if (!base_slot()) return files_.move(from, to);
    MUSTER_TRY(const auto moved, tokens_->find_pair(from));
    MUSTER_TRY(const auto replaced, tokens_->find_pair(to));
    if (!moved && !replaced) return files_.move(from, to);
    if (!moved)
        return fail(Errc::conflict,
                    "cannot put the key pair \"{}\", which is in a file, in the place of \"{}\" in the token",
                    printable(from), printable(to));
    if (files_.is_preloaded(to)) return files_.remove(to);  // which says why not
    MUSTER_CHECK(tokens_->move_pair(from, to));
    // The key of an earlier time, when there was no token.
    return files_.remove(to);
}

Result<> KeyStore::remove_pair(const std::string& id) {
    MUSTER_CHECK(refuse_preloaded(id, "delete"));
    if (base_slot() && !files_.is_preloaded(id)) MUSTER_CHECK(tokens_->remove_pair(id));
    return files_.remove(id);
}

Result<> KeyStore::remove_key(const std::string& id) {
    MUSTER_CHECK(refuse_preloaded(id, "delete"));
    if (base_slot() && !files_.is_preloaded(id)) MUSTER_CHECK(tokens_->remove_key(id));
    return files_.remove(id);
}

}  // namespace muster::edge::keyd
