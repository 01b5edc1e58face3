#include "authority/issuing_ca.h"

#include <openssl/x509v3.h>

#include <optional>

#include "base/bytes.h"
#include "base/text.h"
#include "pki/key_strength.h"
#include "pki/path.h"

namespace muster::authority {
namespace {

constexpr auto clock_skew = std::chrono::minutes(5);
constexpr std::string_view root_name = "root";
constexpr std::string_view former_root_prefix = "former-root-";
constexpr std::string_view requested_prefix = "requested";
constexpr std::size_t most_requests = 16;

IssuingCa make(pki::CertificateChain chain, pki::PrivateKey key) {
    auto fingerprint = chain.front().sha256_thumbprint();
    return {std::move(fingerprint), std::move(chain), std::make_shared<const pki::PrivateKey>(std::move(key))};
}

bool belongs_to(const pki::PrivateKey& key, const pki::Certificate& certificate) {
    const auto in_certificate = certificate.public_key();
    const auto in_key = key.public_key();
    return in_certificate && in_key && *in_certificate == *in_key;
}

Result<> check_key(const pki::PrivateKey& key, const pki::Certificate& certificate, std::string_view which) {
    if (!belongs_to(key, certificate))
        return fail(Errc::invalid_argument, "{} is not the key of '{}'", which, printable(certificate.subject()));
    if (const auto weakness = pki::key_weakness(key.get()))
        return fail(Errc::invalid_argument, "{} {}", which, *weakness);
    return {};
}

// What a CA needs to issue device certificates and revocation lists.
Result<> check_issuing(const pki::Certificate& certificate) {
    const auto name = printable(certificate.subject());
    if (!certificate.is_ca())
        return fail(Errc::invalid_argument,
                    "'{}' is not a CA certificate (basicConstraints CA:TRUE is missing); the chain begins with the "
                    "issuing CA",
                    name);
    const auto usage = X509_get_key_usage(certificate.get());
    if ((usage & KU_KEY_CERT_SIGN) == 0)
        return fail(Errc::invalid_argument, "the key usage of '{}' lacks keyCertSign", name);
    if ((usage & KU_CRL_SIGN) == 0)
        return fail(Errc::invalid_argument,
                    "the key usage of '{}' lacks cRLSign: it could not sign its own revocation list", name);
    if (certificate.subject_der().empty() || certificate.subject_key_id().empty())
        return fail(Errc::invalid_argument, "'{}' has no subject key identifier", name);
    return {};
}

// Each signed by the next, the last by itself.
Result<> check_chain(const pki::CertificateChain& chain, TimePoint now) {
    MUSTER_CHECK(check_issuing(chain.front()));
    const auto& root = chain.back();
    if (!root.is_self_issued())
        return fail(Error(Errc::invalid_argument, fmt::format("the chain ends with '{}', whose issuer '{}' is missing",
                                                              printable(root.subject()), printable(root.issuer())))
                        .with_hint("give the whole chain: issuing CA, what is between, root"));
    const auto find = [&](const pki::Certificate&) { return std::vector{root}; };
    const auto path = pki::validate_client_path(chain, find, {.now = now, .purpose = pki::Purpose::any});
    if (!path.ok()) return fail(Errc::invalid_argument, "the chain is no good: {}", path.explanation);
    if (path.path.size() == chain.size()) return {};
    return fail(Errc::invalid_argument,
                "the chain has {} certificates, of which {} lead from the issuing CA to the root; leave the others out",
                chain.size(), path.path.size());
}

// One issuing CA after another has a name of its own: a name with two keys is a riddle to those who verify.
std::string issuing_name(const std::string& name, const std::vector<pki::CertificateChain>& chains) {
    const auto first = name + " issuing CA";
    auto chosen = first;
    for (int number = 2;; ++number) {
        const auto taken = [&](const pki::CertificateChain& chain) { return chain.front().common_name() == chosen; };
        if (std::ranges::none_of(chains, taken)) return chosen;
        chosen = fmt::format("{} {}", first, number);
    }
}

}  // namespace

std::string IssuingCa::id() const {
    return to_lower(fingerprint.substr(0, 16));
}

Result<pki::PrivateKey> IssuingCas::read(std::string_view name) const {
    MUSTER_TRY(const auto pem, keys_.read(name));
    auto key = pki::PrivateKey::from_pem(pem.text());
    if (!key) return fail(key.error().wrap(keys_.where(name)));
    return key;
}

Result<> IssuingCas::write(std::string_view name, const pki::PrivateKey& key) const {
    MUSTER_TRY(const auto pem, key.to_pem());
    return keys_.write(name, pem.text());
}

bool IssuingCas::root_is_here(const pki::Certificate& root) const {
    const auto key = read(root_name);
    return key && belongs_to(*key, root);
}

std::vector<std::string> IssuingCas::requested() const {
    auto names = keys_.names();
    std::erase_if(names, [](const auto& name) { return !name.starts_with(requested_prefix); });
    return names;
}

Result<pki::PrivateKey> IssuingCas::find_key(const pki::Certificate& certificate) const {
    auto names = requested();
    names.insert(names.begin(), certificate.sha256_thumbprint());
    std::optional<Error> unreadable;
    for (const auto& name : names) {
        auto key = read(name);
        if (key && belongs_to(*key, certificate)) return key;
        if (!key && key.error().code() != Errc::not_found) unreadable = key.error();
    }
    if (unreadable) return fail(*unreadable);
    return fail(
        Error(Errc::invalid_argument, fmt::format("there is no key here for '{}'", printable(certificate.subject())))
            .with_hint("give the key, or begin with a request: `muster authority request`"));
}

Result<IssuingCa> IssuingCas::find_root(const std::vector<pki::CertificateChain>& chains) const {
    MUSTER_TRY(auto key, read(root_name));
    for (const auto& chain : chains)
        if (belongs_to(key, chain.back())) return make({chain.back()}, std::move(key));
    return fail(Errc::not_found, "{} is the key of no root that is known here", keys_.where(root_name));
}

// Nothing that signed certificates is ever overwritten.
Result<> IssuingCas::set_root_aside() const {
    std::string first(former_root_prefix);
    for (const char c : format_utc(clock_.now()))
        if (c != ':') first += c;
    const auto taken = keys_.names();
    auto name = first;
    for (int number = 2; std::ranges::find(taken, name) != taken.end(); ++number)
        name = fmt::format("{}-{}", first, number);
    return keys_.rename(root_name, name);
}

// A root whose record could not be written has taken the name of the one in force: files are changed at once (keys.h).
Result<> IssuingCas::put_root_back(const pki::Certificate& root) const {
    if (root_is_here(root)) return {};
    for (const auto& name : keys_.names()) {
        if (!name.starts_with(former_root_prefix)) continue;
        const auto key = read(name);
        if (!key || !belongs_to(*key, root)) continue;
        MUSTER_CHECK(set_root_aside());
        return keys_.rename(name, root_name);
    }
    return {};
}

Result<IssuingCa> IssuingCas::make_root(const NewAuthority& wanted) const {
    const auto now = clock_.now();
    MUSTER_TRY(auto key, pki::PrivateKey::generate(wanted.key));
    MUSTER_TRY(const auto public_key, key.public_key());
    MUSTER_TRY(auto certificate, pki::issue({.profile = pki::Profile::root_ca,
                                             .common_name = wanted.name + " root CA",
                                             .not_before = now - clock_skew,
                                             .not_after = now + wanted.root_life},
                                            public_key, nullptr, &key, random_));
    MUSTER_CHECK(set_root_aside());
    MUSTER_CHECK(write(root_name, key));
    return make({std::move(certificate)}, std::move(key));
}

Result<IssuingCa> IssuingCas::create(const NewAuthority& wanted,
                                     const std::vector<pki::CertificateChain>& chains) const {
    const auto now = clock_.now();
    const bool begins_anew = wanted.new_root || chains.empty();
    if (!begins_anew) MUSTER_CHECK(put_root_back(chains.front().back()));
    auto root = begins_anew ? make_root(wanted) : find_root(chains);
    if (!root && root.error().code() == Errc::not_found)
        return fail(Error(Errc::conflict, fmt::format("the key of the root of '{}' is not here: another root would be "
                                                      "made, which neither groups nor devices know",
                                                      printable(chains.front().front().subject())))
                        .with_hint(fmt::format("put {} back from the backup; or sign the new issuing CA where that key "
                                               "is (`muster authority request`, `install`); or begin with a new root "
                                               "all the same: --new-root",
                                               keys_.where(root_name))));
    if (!root) return root;
    MUSTER_TRY(auto key, pki::PrivateKey::generate(wanted.key));
    MUSTER_TRY(const auto public_key, key.public_key());
    const pki::Issuer issuer{root->certificate(), *root->key};
    MUSTER_TRY(auto certificate, pki::issue({.profile = pki::Profile::intermediate_ca,
                                             .common_name = issuing_name(wanted.name, chains),
                                             .path_length = 1,  // room for edge CAs, where a group has them
                                             .not_before = now - clock_skew,
                                             .not_after = now + wanted.issuing_life},
                                            public_key, &issuer, nullptr, random_));
    auto authority = make({std::move(certificate), root->certificate()}, std::move(key));
    MUSTER_CHECK(write(authority.fingerprint, *authority.key));
    return authority;
}

Result<std::string> IssuingCas::request(const std::string& common_name, const pki::KeySpec& spec) const {
    MUSTER_CHECK(pki::check_common_name(common_name));
    if (open_requests() >= most_requests)
        return fail(Error(Errc::conflict, fmt::format("{} requests wait for their certificates already", most_requests))
                        .with_hint(fmt::format("install one of them, or delete the keys that are not wanted: {}",
                                               keys_.where(fmt::format("{}*", requested_prefix)))));
    MUSTER_TRY(auto key, pki::PrivateKey::generate(spec));
    MUSTER_TRY(const auto csr, pki::Csr::create(key, {{"CN", common_name}},
                                                {{"basicConstraints", "critical,CA:TRUE,pathlen:1"},
                                                 {"keyUsage", "critical,digitalSignature,keyCertSign,cRLSign"}}));
    const auto id = to_lower(hex_encode(pki::sha256(csr.der()))).substr(0, 16);
    MUSTER_CHECK(write(fmt::format("{}-{}", requested_prefix, id), key));
    return csr.pem();
}

Result<IssuingCa> IssuingCas::install(std::string_view chain_pem, std::string_view key_pem) const {
    auto chain = pki::parse_chain(chain_pem);
    if (!chain) return fail(chain.error().wrap(Errc::invalid_argument, "the certificate chain"));
    MUSTER_CHECK(check_chain(*chain, clock_.now()));
    auto key = key_pem.empty() ? find_key(chain->front()) : pki::PrivateKey::from_pem(key_pem);
    if (!key) return fail(key.error().wrap(Errc::invalid_argument, "the key"));
    MUSTER_CHECK(check_key(*key, chain->front(), key_pem.empty() ? "the key that is here" : "the given key"));
    auto authority = make(std::move(*chain), std::move(*key));
    MUSTER_CHECK(write(authority.fingerprint, *authority.key));
    // The key is under its own name by now.
    for (const auto& name : requested()) {
        const auto key_of_request = read(name);
        if (key_of_request && belongs_to(*key_of_request, authority.certificate())) MUSTER_CHECK(keys_.remove(name));
    }
    return authority;
}

Result<IssuingCa> IssuingCas::load(const store::IssuingAuthorityRecord& record) const {
    MUSTER_TRY(auto chain, pki::parse_chain(record.chain));
    MUSTER_TRY(auto key, read(record.fingerprint));
    MUSTER_CHECK(check_key(key, chain.front(), keys_.where(record.fingerprint)));
    return make(std::move(chain), std::move(key));
}

}  // namespace muster::authority
