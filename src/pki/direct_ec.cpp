#include "pki/direct_ec.h"

#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/evp.h>

#include <atomic>

#include "pki/ec_spki.h"

namespace muster::pki {

#ifdef OPENSSL_NO_ENGINE

bool use_direct_ec_keys() {
    return false;
}

EvpKey as_direct_key(EvpKey key) {
    return key;
}

#else

namespace {

// With `method` null the caller asks for the list of key kinds, otherwise for the methods of the kind `nid`.
int answer_for_ec(ENGINE* /*engine*/, EVP_PKEY_METHOD** method, const int** nids, int nid) {
    static const int kinds[] = {EVP_PKEY_EC};
    if (method == nullptr) {
        *nids = kinds;
        return 1;
    }
    static const EVP_PKEY_METHOD* const built_in = EVP_PKEY_meth_find(EVP_PKEY_EC);
    *method = nid == EVP_PKEY_EC ? const_cast<EVP_PKEY_METHOD*>(built_in) : nullptr;
    return *method != nullptr ? 1 : 0;
}

std::atomic<bool> engaged = false;

bool register_engine() {
    EVP_PKEY_METHOD* method = nullptr;
    if (answer_for_ec(nullptr, &method, nullptr, EVP_PKEY_EC) != 1) return false;
    // Registered for the life of the process: OpenSSL's table of key methods holds a bare pointer to it.
    static ENGINE* const engine = ENGINE_new();
    const bool registered = engine != nullptr && ENGINE_set_id(engine, "muster-ec") == 1 &&
                            ENGINE_set_name(engine, "EC keys by OpenSSL's built-in methods") == 1 &&
                            ENGINE_set_pkey_meths(engine, answer_for_ec) == 1 &&
                            ENGINE_register_pkey_meths(engine) == 1;
    if (registered) use_ec_spki_method();
    return registered;
}

}  // namespace

bool use_direct_ec_keys() {
    static const bool registered = register_engine();
    engaged = registered;
    return registered;
}

EvpKey as_direct_key(EvpKey key) {
    if (!engaged || !key || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_EC) return key;
    EC_KEY* inner = EVP_PKEY_get1_EC_KEY(key.get());
    EvpKey direct(EVP_PKEY_new());
    if (inner == nullptr || !direct || EVP_PKEY_assign_EC_KEY(direct.get(), inner) != 1) {
        EC_KEY_free(inner);
        return key;
    }
    return direct;
}

#endif

}  // namespace muster::pki
