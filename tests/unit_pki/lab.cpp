#include "lab.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>

#include "base/text.h"

namespace muster::pki::lab {

namespace {

[[noreturn]] void broken_case(const std::string& why) {
    throw std::runtime_error("the case is written wrong: " + why);
}

template <class T>
T must(Result<T> result) {
    if (!result) broken_case(result.error().chain());
    return std::move(*result);
}

struct Word {
    std::string name;
    std::string value;
};

struct Line {
    std::string id;
    std::string issuer;
    std::vector<Word> words;

    const std::string* find(std::string_view name) const {
        const auto found = std::ranges::find(words, name, &Word::name);
        return found == words.end() ? nullptr : &found->value;
    }
    bool has(std::string_view name) const { return find(name) != nullptr; }
};

std::string with_spaces(std::string text) {
    std::ranges::replace(text, '_', ' ');
    return text;
}

Line parse_line(std::string_view text) {
    Line line;
    for (const std::string_view token : split(trim(text), ' ')) {
        if (token.empty()) continue;
        if (line.id.empty()) {
            const std::size_t less = token.find('<');
            line.id = token.substr(0, less);
            if (less != std::string_view::npos) line.issuer = token.substr(less + 1);
            continue;
        }
        const std::size_t equals = token.find('=');
        const std::string value(equals == std::string_view::npos ? "" : token.substr(equals + 1));
        line.words.push_back({std::string(token.substr(0, equals)), value});
    }
    return line;
}

std::chrono::seconds parse_span(const std::string& text) {
    const auto count = parse_integer<long>(
        std::string_view(text).substr(text.front() == '+' ? 1 : 0, text.size() - (text.front() == '+' ? 2 : 1)));
    if (!count) broken_case("not a span of time: " + text);
    switch (text.back()) {
        case 'd': return std::chrono::days(*count);
        case 'h': return std::chrono::hours(*count);
        case 's': return std::chrono::seconds(*count);
        default: broken_case("not a span of time: " + text);
    }
}

// An RSA public key too large to be made in a test's time; nobody needs its private half.
EvpKey huge_rsa_public_key() {
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> modulus(BN_new(), BN_free);
    const std::unique_ptr<BIGNUM, decltype(&BN_free)> exponent(BN_new(), BN_free);
    BN_rand(modulus.get(), 16384, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
    BN_set_word(exponent.get(), RSA_F4);
    OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus.get());
    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent.get());
    OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
    EVP_PKEY* key = nullptr;
    EVP_PKEY_fromdata_init(context);
    EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters);
    EVP_PKEY_CTX_free(context);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    return EvpKey(key);
}

PrivateKey generate(const std::string& kind) {
    EvpKey key;
    if (kind == "rsa:1024") key.reset(EVP_RSA_gen(1024U));
    if (kind == "rsa:16384") key = huge_rsa_public_key();
    if (kind == "ec:p192") key.reset(EVP_EC_gen("prime192v1"));
    if (kind == "ec:p224") key.reset(EVP_EC_gen("secp224r1"));
    if (kind == "ec:p521") key.reset(EVP_EC_gen("secp521r1"));
    if (kind == "ec:k256") key.reset(EVP_EC_gen("secp256k1"));
    if (kind == "ed25519") key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
    if (key) return PrivateKey(std::move(key));
    return must(PrivateKey::generate(must(KeySpec::parse(kind))));
}

std::shared_ptr<PrivateKey> key_for(const std::string& id, const std::string& kind) {
    static std::map<std::string, std::shared_ptr<PrivateKey>> kept;
    std::shared_ptr<PrivateKey>& key = kept[id + " " + kind];
    if (!key) key = std::make_shared<PrivateKey>(generate(kind));
    return key;
}

Profile profile_of(const Line& line) {
    if (line.has("ca")) return line.issuer.empty() ? Profile::root_ca : Profile::intermediate_ca;
    if (line.has("server")) return Profile::server;
    if (line.has("client") || !line.issuer.empty()) return Profile::client;
    return Profile::root_ca;
}

std::optional<std::string> text_of(const Line& line, std::string_view name) {
    const std::string* value = line.find(name);
    return value == nullptr ? std::nullopt : std::optional(with_spaces(*value));
}

IssueRequest request_of(const Line& line) {
    IssueRequest request;
    request.profile = profile_of(line);
    request.common_name = text_of(line, "cn").value_or(line.id);
    request.not_before = now() + parse_span(text_of(line, "from").value_or("-30d"));
    request.not_after = now() + parse_span(text_of(line, "until").value_or("+365d"));
    if (const auto length = text_of(line, "pathlen")) request.path_length = parse_integer<int>(*length);
    request.omit_basic_constraints = line.has("nobc");
    request.omit_key_usage = line.has("noku");
    request.key_usage = text_of(line, "ku");
    request.extended_key_usage = text_of(line, "eku");
    request.name_constraints = text_of(line, "nc");
    request.add_unknown_critical_extension = line.has("critical");
    request.sha1_signature = line.has("sha1");
    for (const Word& word : line.words) {
        if (word.name == "dns") request.dns_names.push_back(word.value);
        if (word.name == "ip") request.ip_addresses.push_back(word.value);
    }
    return request;
}

void drop_extension(X509* x509, const std::string& name) {
    const int at = X509_get_ext_by_NID(x509, OBJ_txt2nid(name.c_str()), -1);
    if (at >= 0) X509_EXTENSION_free(X509_delete_ext(x509, at));
}

void add_extension(X509* x509, std::string text) {
    std::ranges::replace(text, '/', '|');
    const std::size_t colon = text.find(':');
    const std::string name = text.substr(0, colon);
    X509V3_CTX context;
    X509V3_set_ctx(&context, x509, x509, nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf(nullptr, &context, name.c_str(), text.substr(colon + 1).c_str());
    if (extension == nullptr) broken_case("no such extension: " + text);
    drop_extension(x509, name);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
}

void double_extension(X509* x509, const std::string& name) {
    const int at = X509_get_ext_by_NID(x509, OBJ_txt2nid(name.c_str()), -1);
    if (at < 0) broken_case("nothing to double: " + name);
    X509_add_ext(x509, X509_get_ext(x509, at), -1);
}

void make_version_1(X509* x509) {
    while (X509_get_ext_count(x509) > 0) X509_EXTENSION_free(X509_delete_ext(x509, 0));
    X509_set_version(x509, X509_VERSION_1);
}

Certificate resigned(const Certificate& certificate, const PrivateKey& signer,
                     const std::function<void(X509*)>& change) {
    const std::unique_ptr<X509, decltype(&X509_free)> copy(X509_dup(certificate.get()), X509_free);
    change(copy.get());
    X509_sign(copy.get(), signer.get(), EVP_sha256());
    Bytes der(static_cast<std::size_t>(i2d_X509(copy.get(), nullptr)));
    unsigned char* end = der.data();
    i2d_X509(copy.get(), &end);
    return must(Certificate::from_der(der));
}

Certificate with_broken_signature(const Certificate& certificate) {
    Bytes der = certificate.der();
    der.back() ^= 1U;
    return must(Certificate::from_der(der));
}

Certificate spoil(Certificate certificate, const Line& line, const PrivateKey& signer) {
    for (const Word& word : line.words) {
        const auto change = [&]() -> std::function<void(X509*)> {
            if (word.name == "ext") return [&](X509* x509) { add_extension(x509, word.value); };
            if (word.name == "drop") return [&](X509* x509) { drop_extension(x509, word.value); };
            if (word.name == "double") return [&](X509* x509) { double_extension(x509, word.value); };
            if (word.name == "v1") return make_version_1;
            return {};
        }();
        if (change) certificate = resigned(certificate, signer, change);
    }
    return line.has("broken") ? with_broken_signature(certificate) : certificate;
}

Made make_one(const Line& line, const Hierarchy& made) {
    static SeededRandom random(20260601);
    const std::string kind = text_of(line, "key").value_or("ec:p256");
    const std::string* key_of = line.find("key-of");
    if (key_of != nullptr && !made.contains(*key_of)) broken_case("no certificate " + *key_of);
    const std::shared_ptr<PrivateKey> key = key_of != nullptr ? made.find(*key_of)->second.key : key_for(line.id, kind);
    const PublicKey public_key = must(key->public_key());
    if (line.issuer.empty()) {
        const Certificate certificate = must(issue(request_of(line), public_key, nullptr, key.get(), random));
        return {spoil(certificate, line, *key), key};
    }
    const auto issuer = made.find(line.issuer);
    if (issuer == made.end()) broken_case("no issuer " + line.issuer);
    const Issuer by{issuer->second.certificate, *issuer->second.key};
    const Certificate certificate = must(issue(request_of(line), public_key, &by, nullptr, random));
    return {spoil(certificate, line, *issuer->second.key), key};
}

}  // namespace

TimePoint now() {
    return *parse_utc("2026-06-01T12:00:00Z");
}

Hierarchy make(std::string_view text) {
    Hierarchy made;
    for (const std::string_view part : split(text, '|')) {
        const Line line = parse_line(part);
        if (line.id.empty()) continue;
        if (!made.emplace(line.id, make_one(line, made)).second) broken_case("two certificates " + line.id);
    }
    return made;
}

CertificateChain pick(const Hierarchy& made, std::string_view ids) {
    CertificateChain chain;
    for (const std::string_view id : split(ids, ' ')) {
        if (id.empty()) continue;
        const auto found = made.find(id);
        if (found == made.end()) broken_case("no certificate " + std::string(id));
        chain.push_back(found->second.certificate);
    }
    return chain;
}

}  // namespace muster::pki::lab
