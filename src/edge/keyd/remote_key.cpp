#include "edge/keyd/remote_key.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include <cstring>

#include "base/log.h"
#include "net/reactor.h"

namespace muster::edge::keyd {
namespace {

// What a key of ours carries as OpenSSL's "ex data"; freed with the key.
struct Remote {
    Client client;
    std::string handle;
};

void free_remote(void*, void* remote, CRYPTO_EX_DATA*, int, long, void*) {
    delete static_cast<Remote*>(remote);
}

int ec_slot() {
    static const int slot = EC_KEY_get_ex_new_index(0, nullptr, nullptr, nullptr, free_remote);
    return slot;
}

int rsa_slot() {
    static const int slot = RSA_get_ex_new_index(0, nullptr, nullptr, nullptr, free_remote);
    return slot;
}

// OpenSSL's error queue takes the reason: it ends in the error of the handshake or signature.
void report(const Error& error) {
    log::error("a private operation in keyd failed", {{"error", error.chain()}});
    ERR_raise_data(ERR_LIB_USER, ERR_R_INTERNAL_ERROR, "%s", error.chain().c_str());
}

int sign_with_ec(int, const unsigned char* digest, int digest_size, unsigned char* signature, unsigned int* size,
                 const BIGNUM*, const BIGNUM*, EC_KEY* key) {
    const auto* remote = static_cast<const Remote*>(EC_KEY_get_ex_data(key, ec_slot()));
    const auto made =
        remote->client.sign_ecdsa_blocking(remote->handle, {digest, static_cast<std::size_t>(digest_size)});
    if (!made) return report(made.error()), 0;
    if (made->size() > static_cast<std::size_t>(ECDSA_size(key))) return 0;
    std::memcpy(signature, made->data(), made->size());
    *size = static_cast<unsigned int>(made->size());
    return 1;
}

int rsa_private(int input_size, const unsigned char* input, unsigned char* output, RSA* key, int padding) {
    const auto* remote = static_cast<const Remote*>(RSA_get_ex_data(key, rsa_slot()));
    if (padding != RSA_PKCS1_PADDING && padding != RSA_NO_PADDING) return -1;
    const auto* algorithm = padding == RSA_PKCS1_PADDING ? "RSA-PKCS1" : "RSA-NO-PADDING";
    const auto made =
        remote->client.rsa_private_blocking(remote->handle, algorithm, {input, static_cast<std::size_t>(input_size)});
    if (!made) return report(made.error()), -1;
    if (made->size() > static_cast<std::size_t>(RSA_size(key))) return -1;
    std::memcpy(output, made->data(), made->size());
    return static_cast<int>(made->size());
}

const EC_KEY_METHOD* ec_method() {
    static const EC_KEY_METHOD* const method = [] {
        auto* fresh = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
        EC_KEY_METHOD_set_sign(fresh, sign_with_ec, nullptr, nullptr);
        return fresh;
    }();
    return method;
}

const RSA_METHOD* rsa_method() {
    static const RSA_METHOD* const method = [] {
        auto* fresh = RSA_meth_dup(RSA_PKCS1_OpenSSL());
        RSA_meth_set1_name(fresh, "keyd");
        // The private half is elsewhere: nothing to check it with.
        RSA_meth_set_flags(fresh, RSA_METHOD_FLAG_NO_CHECK | RSA_FLAG_EXT_PKEY);
        RSA_meth_set_priv_enc(fresh, rsa_private);
        return fresh;
    }();
    return method;
}

struct EcKeyFreer {
    void operator()(EC_KEY* key) const { EC_KEY_free(key); }
};
struct RsaFreer {
    void operator()(RSA* key) const { RSA_free(key); }
};
struct NumberFreer {
    void operator()(BIGNUM* number) const { BN_free(number); }
};
using EcKey = std::unique_ptr<EC_KEY, EcKeyFreer>;
using RsaKey = std::unique_ptr<RSA, RsaFreer>;
using Number = std::unique_ptr<BIGNUM, NumberFreer>;

std::unexpected<Error> unusable(std::string_view what) {
    return fail(Errc::internal, "keyd gave {} that cannot be used", what);
}

Task<Result<Bytes>> bytes_parameter(Client client, std::string handle, std::string name) {
    MUSTER_CO_TRY(const auto value, co_await client.parameter(std::move(handle), name));
    auto bytes = base64_decode(value);
    if (!bytes || bytes->empty()) co_return unusable(name);
    co_return std::move(*bytes);
}

Result<EcKey> public_ec_key(ByteView oid, ByteView point) {
    const auto* at = oid.data();
    auto* object = d2i_ASN1_OBJECT(nullptr, &at, static_cast<long>(oid.size()));
    const int curve = object != nullptr ? OBJ_obj2nid(object) : NID_undef;
    ASN1_OBJECT_free(object);
    EcKey key(EC_KEY_new_by_curve_name(curve));
    if (!key || EC_KEY_oct2key(key.get(), point.data(), point.size(), nullptr) != 1) return unusable("an EC key");
    // In certificates and requests the whole point stands: a compressed one many cannot read (RFC 5480, 2.2: MAY).
    EC_KEY_set_conv_form(key.get(), POINT_CONVERSION_UNCOMPRESSED);
    return key;
}

Result<pki::PrivateKey> remote_ec_of(const Client& client, const std::string& handle, ByteView oid, ByteView point) {
    MUSTER_TRY(auto key, public_ec_key(oid, point));
    auto remote = std::make_unique<Remote>(client, handle);
    if (EC_KEY_set_method(key.get(), ec_method()) != 1 || EC_KEY_set_ex_data(key.get(), ec_slot(), remote.get()) != 1)
        return unusable("an EC key");
    static_cast<void>(remote.release());
    pki::EvpKey pkey(EVP_PKEY_new());
    if (!pkey || EVP_PKEY_assign_EC_KEY(pkey.get(), key.get()) != 1) return unusable("an EC key");
    static_cast<void>(key.release());
    return pki::PrivateKey(std::move(pkey));
}

Task<Result<pki::PrivateKey>> remote_ec(Client client, std::string handle) {
    MUSTER_CO_TRY(const auto oid, co_await bytes_parameter(client, handle, "ec-curve-oid"));
    MUSTER_CO_TRY(const auto point, co_await bytes_parameter(client, handle, "ec-point"));
    co_return remote_ec_of(client, handle, oid, point);
}

Result<pki::PrivateKey> remote_rsa_of(const Client& client, const std::string& handle, ByteView modulus,
                                      ByteView exponent) {
    Number n(BN_bin2bn(modulus.data(), static_cast<int>(modulus.size()), nullptr));
    Number e(BN_bin2bn(exponent.data(), static_cast<int>(exponent.size()), nullptr));
    RsaKey key(RSA_new());
    if (!key || RSA_set0_key(key.get(), n.get(), e.get(), nullptr) != 1) return unusable("an RSA key");
    static_cast<void>(n.release());
    static_cast<void>(e.release());
    auto remote = std::make_unique<Remote>(client, handle);
    if (RSA_set_method(key.get(), rsa_method()) != 1 || RSA_set_ex_data(key.get(), rsa_slot(), remote.get()) != 1)
        return unusable("an RSA key");
    static_cast<void>(remote.release());
    pki::EvpKey pkey(EVP_PKEY_new());
    if (!pkey || EVP_PKEY_assign_RSA(pkey.get(), key.get()) != 1) return unusable("an RSA key");
    static_cast<void>(key.release());
    return pki::PrivateKey(std::move(pkey));
}

Task<Result<pki::PrivateKey>> remote_rsa(Client client, std::string handle) {
    MUSTER_CO_TRY(const auto modulus, co_await bytes_parameter(client, handle, "rsa-modulus"));
    MUSTER_CO_TRY(const auto exponent, co_await bytes_parameter(client, handle, "rsa-exponent"));
    co_return remote_rsa_of(client, handle, modulus, exponent);
}

}  // namespace

Task<Result<pki::PrivateKey>> load_remote_key(Client client, std::string handle) {
    MUSTER_CO_TRY(const auto algorithm, co_await client.parameter(handle, "algorithm"));
    if (algorithm == "ECDSA") co_return co_await remote_ec(client, handle);
    if (algorithm == "RSA") co_return co_await remote_rsa(client, handle);
    co_return unusable("the algorithm " + algorithm);
}

Result<pki::PrivateKey> remote_key(const Client& client, const std::string& handle) {
    // Asio wants results that can be made of nothing.
    const auto load = [](Client keys, std::string of) -> Task<std::optional<Result<pki::PrivateKey>>> {
        co_return co_await load_remote_key(std::move(keys), std::move(of));
    };
    return *net::run_blocking(load(client, handle));
}

}  // namespace muster::edge::keyd
