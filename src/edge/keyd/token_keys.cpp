#include "edge/keyd/token_keys.h"

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/service/daemon.h"

namespace muster::edge::keyd {
namespace {

constexpr std::string_view base_slot;            // empty: no key's id
constexpr std::string_view next_mark = "-temp";  // ends the id of a key that will take another's place

// The token's answer is the whole truth about it; the id that was asked for makes it one about this device.
template <class Value>
Result<Value> about(Result<Value> result, const std::string& id, const std::string& place) {
    if (result) return result;
    return fail(result.error().wrap(fmt::format("key \"{}\" in the token ({})", printable(id), place)));
}

class PairInToken final : public KeyPair {
public:
    PairInToken(std::shared_ptr<pkcs11::Token> token, pkcs11::KeyName name, pki::PublicKey half)
        : token_(std::move(token)), name_(std::move(name)), half_(std::move(half)) {}
    Result<pki::PublicKey> public_key() const override { return pki::PublicKey(pki::share(half_.get())); }
    Result<Bytes> sign_ecdsa(ByteView digest) const override { return token_->sign_ecdsa(name_, digest); }
    Result<Bytes> rsa_private(RsaPadding padding, ByteView input) const override {
        const bool pkcs1 = padding == RsaPadding::pkcs1;
        return token_->rsa_private(name_, pkcs1 ? pkcs11::RsaPadding::pkcs1 : pkcs11::RsaPadding::none, input);
    }

private:
    std::shared_ptr<pkcs11::Token> token_;
    pkcs11::KeyName name_;
    pki::PublicKey half_;
};

class SymmetricInToken final : public SymmetricKey {
public:
    SymmetricInToken(std::shared_ptr<pkcs11::Token> token, pkcs11::KeyName name)
        : token_(std::move(token)), name_(std::move(name)) {}
    Result<Bytes> hmac_sha256(ByteView message) const override { return token_->hmac_sha256(name_, message); }
    Result<Bytes> encrypt(ByteView iv, ByteView aad, ByteView plaintext) const override {
        MUSTER_TRY(const auto sealed, token_->aead_encrypt(name_, iv, aad, plaintext));
        return blob_of(sealed);
    }
    Result<Secret> decrypt(ByteView iv, ByteView aad, ByteView blob) const override {
        MUSTER_TRY(const auto sealed, sealed_of(blob));
        return token_->aead_decrypt(name_, iv, aad, sealed);
    }

private:
    std::shared_ptr<pkcs11::Token> token_;
    pkcs11::KeyName name_;
};

struct Move {
    std::string to;
    Bytes id;  // CKA_ID of the key that moves
};

std::string text_of(const Move& move) {
    return json::serialize(json::object{{"to", move.to}, {"id", hex_encode(move.id)}});
}

Result<Move> parse_move(const std::filesystem::path& journal, std::string_view text) {
    const auto object = parse_json_object(text);
    auto id = object ? hex_decode(string_or(*object, "id")) : std::nullopt;
    const auto to = object ? string_or(*object, "to") : std::string();
    if (!id || id->empty() || to.empty()) return fail(Errc::io, "{} is damaged", journal.string());
    return Move{to, std::move(*id)};
}

}  // namespace

TokenKeys::TokenKeys(TokenSettings settings, const std::filesystem::path& home)
    : settings_(std::move(settings)), journal_(home / "moving-key.json") {}

std::string TokenKeys::place_of(const std::string& id) const {
    const auto at = settings_.preloaded.find(id);
    if (at != settings_.preloaded.end()) return at->second.text();
    return settings_.base ? settings_.base->text() : std::string();
}

const pkcs11::Uri& TokenKeys::uri_of(const std::string& id) const {
    const auto at = settings_.preloaded.find(id);
    return at != settings_.preloaded.end() ? at->second : *settings_.base;
}

pkcs11::Uri TokenKeys::token_in(const pkcs11::Uri& uri) const {
    return (settings_.base ? uri.completed_by(*settings_.base) : uri).of_token();
}

std::string TokenKeys::token_name(const std::string& id) const {
    return token_in(uri_of(id)).text();
}

Result<std::shared_ptr<pkcs11::Token>> TokenKeys::token_of(const pkcs11::Uri& uri) {
    const std::lock_guard lock(loading_);
    if (!module_) {
        if (settings_.library.empty())
            return fail(Error(Errc::unavailable, "no PKCS #11 library is configured")
                            .with_hint("set pkcs11_lib_path in [aziot_keys] of /etc/aziot/config.toml, then run: "
                                       "iotedge config apply"));
        MUSTER_TRY(auto loaded, pkcs11::Module::load(settings_.library));
        module_ = std::move(loaded);
    }
    const auto where = token_in(uri);
    for (const auto& token : tokens_)
        if (token->where().same_token(where)) return token;
    return tokens_.emplace_back(std::make_shared<pkcs11::Token>(*module_, where));
}

Result<std::shared_ptr<pkcs11::Token>> TokenKeys::base_token() {
    return token_of(*settings_.base);
}

Result<TokenKeys::Place> TokenKeys::place(const std::string& id) {
    const auto at = settings_.preloaded.find(id);
    if (at != settings_.preloaded.end()) {
        MUSTER_TRY(auto token, about(token_of(at->second), id, place_of(id)));
        return Place{std::move(token), pkcs11::KeyName::of(at->second), at->second.text()};
    }
    MUSTER_TRY(auto token, about(base_token(), id, place_of(id)));
    MUSTER_CHECK(about(finish_move(id), id, place_of(id)));
    return Place{std::move(token), pkcs11::KeyName::labelled(id), settings_.base->text()};
}

Result<std::unique_ptr<KeyPair>> TokenKeys::find_pair(const std::string& id) {
    MUSTER_TRY(auto where, place(id));
    MUSTER_TRY(auto half, about(where.token->find_pair(where.name), id, where.text));
    if (half) return std::make_unique<PairInToken>(std::move(where.token), std::move(where.name), std::move(*half));
    if (!is_preloaded(id)) return std::unique_ptr<KeyPair>();
    return fail(
        Error(Errc::not_found,
              fmt::format("the token has no private key for the preloaded id \"{}\" ({})", id, where.text))
            .with_hint("correct the pkcs11: URI in /etc/aziot/config.toml (pkcs11-tool --module LIBRARY --login "
                       "--list-objects shows what is there), then run: iotedge config apply"));
}

Result<std::unique_ptr<SymmetricKey>> TokenKeys::find_key(const std::string& id) {
    MUSTER_TRY(auto where, place(id));
    MUSTER_TRY(const bool there, about(where.token->has_secret(where.name), id, where.text));
    if (there) return std::make_unique<SymmetricInToken>(std::move(where.token), std::move(where.name));
    if (!is_preloaded(id)) return std::unique_ptr<SymmetricKey>();
    return fail(
        Error(Errc::not_found,
              fmt::format("the token has no secret key for the preloaded id \"{}\" ({})", id, where.text))
            .with_hint("correct the pkcs11: URI in /etc/aziot/config.toml (pkcs11-tool --module LIBRARY --login "
                       "--list-objects shows what is there), then run: iotedge config apply"));
}

Result<bool> TokenKeys::create_pair(const std::string& id, const std::vector<pki::KeySpec>& preferred, Random& random) {
    MUSTER_TRY(const auto token, base_token());
    for (const auto& spec : preferred) {
        auto made = token->generate_pair(id, spec, random);
        if (made) {
            if (id.ends_with(next_mark)) MUSTER_CHECK(check_can_move(*token, id));
            log::info("key pair created in the token",
                      {{"keyId", printable(id)}, {"algorithm", spec.text()}, {"token", settings_.base->text()}});
            return true;
        }
        if (made.error().code() != Errc::unsupported)
            return fail(made.error().wrap(fmt::format("cannot make the key pair \"{}\" in the token", printable(id))));
        log::info("the token cannot make such a key",
                  {{"keyId", printable(id)}, {"algorithm", spec.text()}, {"reason", made.error().chain()}});
    }
    return false;
}

// Before a certificate is issued for a key that could never take its place.
Result<> TokenKeys::check_can_move(pkcs11::Token& token, const std::string& id) {
    const auto can = token.can_rename(id);
    if (can && *can) return {};
    MUSTER_CHECK(about(token.remove_pair(id), id, settings_.base->text()));
    if (!can) return fail(can.error().wrap(fmt::format("cannot make the key pair \"{}\"", printable(id))));
    return fail(Error(Errc::conflict, fmt::format("the token ({}) lets no key be renamed: a new key pair \"{}\" could "
                                                  "not take the old one's place",
                                                  settings_.base->text(), printable(id)))
                    .with_hint("set rotate_key = false in auto_renew in /etc/aziot/config.toml, then run: iotedge "
                               "config apply"));
}

Result<bool> TokenKeys::create_key(const std::string& id, KeyUse use, const std::optional<Secret>& import,
                                   Random& random) {
    if (use == KeyUse::both) return false;
    const auto purpose = use == KeyUse::sign ? pkcs11::SecretUse::sign : pkcs11::SecretUse::encrypt;
    MUSTER_TRY(const auto token, base_token());
    MUSTER_TRY(const bool can, token->supports(purpose));
    if (!can) return false;
    auto made = import ? token->import_secret(id, purpose, import->bytes(), random)
                       : token->generate_secret(id, purpose, random);
    if (made) {
        log::info(import ? "key imported into the token" : "key created in the token",
                  {{"keyId", printable(id)}, {"token", settings_.base->text()}});
        return true;
    }
    if (made.error().code() == Errc::unsupported) return false;
    return fail(made.error().wrap(fmt::format("cannot make the key \"{}\" in the token", printable(id))));
}

Result<> TokenKeys::remove_pair(const std::string& id) {
    MUSTER_TRY(const auto where, place(id));
    return about(where.token->remove_pair(id), id, where.text);
}

Result<> TokenKeys::remove_key(const std::string& id) {
    MUSTER_TRY(const auto where, place(id));
    return about(where.token->remove_secret(id), id, where.text);
}

// The journal is the moment of decision: with it the move has happened and is finished before the token is asked
// anything else.
Result<> TokenKeys::move_pair(const std::string& from, const std::string& to) {
    MUSTER_TRY(const auto where, place(from));
    MUSTER_TRY(auto id, about(where.token->id_of_pair(from), from, where.text));
    const std::lock_guard lock(moving_);
    // There is one journal: what is in it must be done before it is written anew.
    MUSTER_CHECK(about(finish_move_locked(), from, where.text));
    MUSTER_CHECK(write_file_atomic(journal_, text_of({to, std::move(id)}), 0600));
    return finish_move_locked();
}

// A move that cannot be finished costs the key whose place it is about, and no other.
Result<> TokenKeys::finish_move(const std::string& wanted) {
    const std::lock_guard lock(moving_);
    auto done = finish_move_locked();
    if (done) return done;
    const auto to = moving_to();
    if (!to || !*to || **to == wanted) return done;
    if (!std::exchange(said_stuck_, true))
        log::error("a key's move in the token cannot be finished", {{"error", line_of(done.error())}});
    return {};
}

Result<std::optional<std::string>> TokenKeys::moving_to() {
    std::error_code ignored;
    if (!std::filesystem::exists(journal_, ignored)) return std::nullopt;
    MUSTER_TRY(const auto text, read_file(journal_));
    MUSTER_TRY(auto move, parse_move(journal_, text));
    return std::move(move.to);
}

Result<> TokenKeys::finish_move_locked() {
    std::error_code ignored;
    if (!std::filesystem::exists(journal_, ignored)) return {};
    MUSTER_TRY(const auto text, read_file(journal_));
    MUSTER_TRY(const auto move, parse_move(journal_, text));
    MUSTER_TRY(const auto token, base_token());
    auto done = token->take_over_label(move.id, move.to);
    if (!done && done.error().code() == Errc::not_found && token->info()) {
        log::error("a key that was to be moved is no longer in the token",
                   {{"to", printable(move.to)}, {"token", settings_.base->text()}});
        return remove_file(journal_);
    }
    if (!done)
        return fail(
            done.error().wrap(fmt::format("cannot put the new key in the place of \"{}\"", printable(move.to))));
    return remove_file(journal_);
}

std::vector<std::string> TokenKeys::known_ids() const {
    std::vector<std::string> ids;
    if (settings_.base) ids.emplace_back(base_slot);
    for (const auto& [id, uri] : settings_.preloaded) ids.push_back(id);
    return ids;
}

void TokenKeys::report(const std::string& id) {
    const auto token = token_of(uri_of(id));
    const auto info = token ? (*token)->info() : fail(token.error());
    const auto what = id.empty() ? std::string("base slot") : id;
    if (info)
        log::info("token found", {{"for", what}, {"token", info->text()}, {"library", settings_.library.string()}});
    else
        log::error("token not usable", {{"for", what}, {"error", line_of(info.error())}});
}

}  // namespace muster::edge::keyd
