#include "edge/config/check_tokens.h"

#include "base/file.h"
#include "base/text.h"
#include "edge/config/check_files.h"
#include "edge/config/token_probe.h"
#include "edge/pkcs11/uri.h"

namespace muster::edge {
namespace {

// A key that the configuration says is in a token.
struct TokenKey {
    const GivenFile* key;
    const GivenFile* certificate = nullptr;  // that it must fit
    TokenQuestion::About about = TokenQuestion::About::key_pair;
};

std::vector<TokenKey> keys_in_tokens(const SuperConfig& config) {
    std::vector<TokenKey> out;
    const auto add = [&](const std::optional<GivenFile>& key, const std::optional<GivenFile>& certificate) {
        if (key && key->in_token()) out.push_back({&*key, certificate ? &*certificate : nullptr});
    };
    const auto add_auth = [&](const EstAuth& auth) {
        add(auth.key, auth.certificate);
        add(auth.bootstrap_key, auth.bootstrap_certificate);
    };
    const auto& provisioning = config.provisioning;
    add(provisioning.identity_key, provisioning.identity_certificate);
    if (provisioning.identity_issue) add_auth(provisioning.identity_issue->auth);
    if (provisioning.shared_key && provisioning.shared_key->file && provisioning.shared_key->file->in_token())
        out.push_back({&*provisioning.shared_key->file, nullptr, TokenQuestion::About::secret_key});
    add(config.edge_ca.key, config.edge_ca.certificate);
    add_auth(config.edge_ca.issue.auth);
    if (config.est) add_auth(config.est->auth);
    if (config.local_ca) add(config.local_ca->key, config.local_ca->certificate);
    for (const auto& [id, key] : config.preloaded_keys)
        if (key.in_token()) out.push_back({&key});
    return out;
}

void check_fit(const GivenFile& key, const GivenFile& certificate, const Bytes& spki, Notes& notes) {
    const auto text = read_file(certificate.path);
    const auto chain = text ? pki::parse_chain(*text) : fail(text.error());
    // What is wrong with the file is said where files are checked.
    if (!chain) return;
    // A point that is written in another form is the same.
    const auto leaf_key = chain->front().public_key();
    const auto key_in_token = pki::PublicKey::from_spki_der(spki);
    if (leaf_key && key_in_token && *leaf_key == *key_in_token) return;
    const auto uri = pkcs11::Uri::parse(key.uri);
    notes.problem(key,
                  fmt::format("the key in the token ({}) does not belong to the certificate {} in {}",
                              uri ? uri->text() : "", chain->front().subject(), certificate.path.string()),
                  "name the key for which the certificate was issued, or have one issued for this key");
}

}  // namespace

void check_tokens(const CheckInput& in, Notes& notes) {
    const auto& library = in.config.key_library;
    const auto keys = keys_in_tokens(in.config);
    if (keys.empty() && !library.base_slot) return;
    if (!library.path) {
        const auto& where = keys.empty() ? library.base_slot->key : keys.front().key->key;
        const auto line = keys.empty() ? library.base_slot->line : keys.front().key->line;
        notes.problem(where, line, "names a token, but no library that speaks to it",
                      "set pkcs11_lib_path = \"/PATH/TO/LIBRARY.so\" in [aziot_keys]");
        return;
    }
    TokenProbe probe{library.path->value, {}, in.keyd_environment};
    if (library.base_slot)
        probe.questions.push_back({library.base_slot->value, std::nullopt, TokenQuestion::About::token});
    const auto base = library.base_slot ? std::optional(library.base_slot->value) : std::nullopt;
    for (const auto& key : keys) probe.questions.push_back({key.key->uri, base, key.about});
    const auto answers = ask_tokens(probe, in.keyd);
    std::size_t next = 0;
    if (library.base_slot) {
        const auto& answer = answers[next++];
        if (!answer)
            notes.problem(library.base_slot->key, library.base_slot->line, answer.error().chain(),
                          answer.error().hint());
    }
    for (const auto& key : keys) {
        const auto& answer = answers[next++];
        if (!answer)
            notes.problem(*key.key, answer.error().chain(), answer.error().hint());
        else if (key.certificate != nullptr)
            check_fit(*key.key, *key.certificate, *answer, notes);
    }
}

}  // namespace muster::edge
