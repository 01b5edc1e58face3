// Structures of a TPM from outside: public areas that devices and operators give the service, activation blobs that a
// service gives a device. What is taken for a key can have something wrapped for it.
// rooms: base wire/tpm
#include <cstdlib>

#include "wire/tpm/activation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace muster;
    using namespace muster::wire::tpm;
    const ByteView bytes(data, size);
    (void)StorageKey::from_base64(as_text(bytes));
    if (const auto blob = ActivationBlob::split(bytes)) {
        const auto total = blob->id_object.size() + blob->encrypted_secret.size() + blob->duplicate.size() +
                           blob->seed.size() + blob->public_area.size();
        if (total > size) std::abort();
    }
    const auto key = StorageKey::parse(bytes);
    if (!key) return 0;
    if (key->tpm2b() != Bytes(bytes.begin(), bytes.end())) std::abort();
    SeededRandom random(1);
    const auto blob = make_activation_blob(*key, *key, Bytes(32, 7), random);
    // A modulus of the right form need not be one that RSA works with; nothing else may fail.
    if (!blob && key->type() != algorithm::rsa) std::abort();
    if (blob && !ActivationBlob::split(*blob)) std::abort();
    return 0;
}
