#include "pki/ec_spki.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "pki/openssl.h"

namespace muster::pki {
namespace {

using EcKeyOwner = std::unique_ptr<EC_KEY, Freer<EC_KEY_free>>;

// NID_undef for a curve whose parameters are written out instead of named.
int named_curve(const X509_ALGOR* algorithm) {
    int type = V_ASN1_UNDEF;
    const void* value = nullptr;
    X509_ALGOR_get0(nullptr, &type, &value, algorithm);
    return type == V_ASN1_OBJECT ? OBJ_obj2nid(static_cast<const ASN1_OBJECT*>(value)) : NID_undef;
}

// Building a curve takes modular inversions and Montgomery constants, 8 us; copying one takes one.
EcKeyOwner new_key_on(int curve) {
    static const EC_GROUP* const p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    if (curve != NID_X9_62_prime256v1) return EcKeyOwner(EC_KEY_new_by_curve_name(curve));
    EcKeyOwner key(EC_KEY_new());
    if (!key || p256 == nullptr || EC_KEY_set_group(key.get(), p256) != 1) return nullptr;
    return key;
}

// 0 sends OpenSSL on to its generic decoder, which knows the rare forms, too.
int decode(EVP_PKEY* into, const X509_PUBKEY* encoded) {
    const unsigned char* point = nullptr;
    int size = 0;
    X509_ALGOR* algorithm = nullptr;
    if (X509_PUBKEY_get0_param(nullptr, &point, &size, &algorithm, encoded) != 1 || size <= 0) return 0;
    const int curve = named_curve(algorithm);
    if (curve == NID_undef) return 0;
    EcKeyOwner key = new_key_on(curve);
    // Refuses a point that is not on the curve.
    if (!key || EC_KEY_oct2key(key.get(), point, static_cast<std::size_t>(size), nullptr) != 1) return 0;
    if (EVP_PKEY_assign_EC_KEY(into, key.get()) != 1) return 0;
    (void)key.release();
    return 1;
}

int encode(X509_PUBKEY* into, const EVP_PKEY* from) {
    const EC_KEY* key = EVP_PKEY_get0_EC_KEY(from);
    const int curve = key == nullptr ? NID_undef : EC_GROUP_get_curve_name(EC_KEY_get0_group(key));
    if (curve == NID_undef) return 0;
    unsigned char* point = nullptr;
    const int size = i2o_ECPublicKey(key, &point);
    if (size <= 0) return 0;
    if (X509_PUBKEY_set0_param(into, OBJ_nid2obj(EVP_PKEY_EC), V_ASN1_OBJECT, OBJ_nid2obj(curve), point, size) == 1) {
        return 1;
    }
    OPENSSL_free(point);
    return 0;
}

// 1 equal, 0 different, -2 not comparable. That the curves are the same has been checked by then.
int compare(const EVP_PKEY* a, const EVP_PKEY* b) {
    const EC_KEY* first = EVP_PKEY_get0_EC_KEY(a);
    const EC_KEY* second = EVP_PKEY_get0_EC_KEY(b);
    if (first == nullptr || second == nullptr) return -2;
    const EC_POINT* left = EC_KEY_get0_public_key(first);
    const EC_POINT* right = EC_KEY_get0_public_key(second);
    if (left == nullptr || right == nullptr) return -2;
    const int different = EC_POINT_cmp(EC_KEY_get0_group(second), left, right, nullptr);
    return different < 0 ? -2 : 1 - different;
}

int signature_size(const EVP_PKEY* key) {
    return ECDSA_size(EVP_PKEY_get0_EC_KEY(key));
}

int order_bits(const EVP_PKEY* key) {
    return EC_GROUP_order_bits(EC_KEY_get0_group(EVP_PKEY_get0_EC_KEY(key)));
}

}  // namespace

void use_ec_spki_method() {
    const EVP_PKEY_ASN1_METHOD* built_in = EVP_PKEY_asn1_find(nullptr, EVP_PKEY_EC);
    EVP_PKEY_ASN1_METHOD* method = EVP_PKEY_asn1_new(EVP_PKEY_EC, 0, "EC", "OpenSSL EC algorithm");
    if (built_in == nullptr || method == nullptr) return;
    EVP_PKEY_asn1_copy(method, built_in);
    // Printing is left to OpenSSL's encoders, which come first anyway. The six can only be set together.
    EVP_PKEY_asn1_set_public(method, decode, encode, compare, nullptr, signature_size, order_bits);
    // Not through an engine: keys would hold on to it, and a key that outlives OpenSSL's own cleanup (a static
    // object's) would fall over that at exit.
    if (EVP_PKEY_asn1_add0(method) != 1) EVP_PKEY_asn1_free(method);
}

}  // namespace muster::pki
