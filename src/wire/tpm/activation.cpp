#include "wire/tpm/activation.h"

#include "wire/tpm/buffer.h"
#include "wire/tpm/crypto.h"

namespace muster::wire::tpm {
namespace {

constexpr std::size_t inner_key_bytes = 16;  // devices import with AES-128 (facts/dps.md 1.7)
constexpr std::size_t longest_hmac_key = 64;

// An object of type KEYEDHASH in the two halves that the TPM knows (Part 2, 12.2.4 and 12.3.2.4).
struct KeyObject {
    Bytes public_area;
    Secret sensitive;  // TPM2B_SENSITIVE
    Bytes name;
};

KeyObject key_object(ByteView key, Random& random) {
    constexpr auto attributes = attribute::sign | attribute::user_with_auth | attribute::no_da;
    // What keeps the public digest from telling two equal keys.
    const Secret obfuscation(random.bytes(digest_size(algorithm::sha256)));
    const Secret unique_input(Writer().raw(obfuscation.bytes()).raw(key).take());
    KeyObject out;
    out.public_area = Writer()
                          .u16(algorithm::keyed_hash)
                          .u16(algorithm::sha256)
                          .u32(attributes)
                          .sized({})  // no policy
                          .u16(algorithm::hmac)
                          .u16(algorithm::sha256)
                          .sized(digest(algorithm::sha256, unique_input.bytes()))
                          .take();
    const Secret area(
        Writer().u16(algorithm::keyed_hash).sized({}).sized(obfuscation.bytes()).sized(key).take());  // no
                                                                                                      // authorization
    out.sensitive = Secret(Writer().sized(area.bytes()).take());
    out.name = name_of(algorithm::sha256, out.public_area);
    return out;
}

// The inner wrapper of a duplicate (Part 1, 23.3.2.3).
Result<Bytes> wrap_inner(const KeyObject& object, const Secret& key) {
    const Secret named(Writer().raw(object.sensitive.bytes()).raw(object.name).take());
    const Secret plain(Writer().sized(digest(algorithm::sha256, named.bytes())).raw(object.sensitive.bytes()).take());
    return encrypt_cfb(key.bytes(), plain.bytes());
}

}  // namespace

Result<Credential> make_credential(const StorageKey& endorsement, ByteView name, ByteView secret, Random& random) {
    if (secret.size() > digest_size(endorsement.name_algorithm()))
        return fail(Errc::invalid_argument, "a credential has at most {} bytes",
                    digest_size(endorsement.name_algorithm()));
    MUSTER_TRY(auto shared, share_seed(endorsement, "IDENTITY", random));
    const Secret plain(Writer().sized(secret).take());
    Credential out;
    MUSTER_TRY(out.id_object, protect(endorsement, shared.seed, name, plain.bytes()));
    out.encrypted_secret = std::move(shared.encrypted);
    return out;
}

Result<Bytes> make_activation_blob(const StorageKey& endorsement, const StorageKey& storage, ByteView key,
                                   Random& random) {
    if (key.empty() || key.size() > longest_hmac_key)
        return fail(Errc::invalid_argument, "a key for HMAC-SHA256 in a TPM has 1 to {} bytes", longest_hmac_key);
    const Secret inner_key(random.bytes(inner_key_bytes));
    MUSTER_TRY(const auto credential, make_credential(endorsement, storage.name(), inner_key.bytes(), random));
    const auto object = key_object(key, random);
    MUSTER_TRY(const auto inner, wrap_inner(object, inner_key));
    MUSTER_TRY(const auto shared, share_seed(storage, "DUPLICATE", random));
    MUSTER_TRY(const auto duplicate, protect(storage, shared.seed, object.name, inner));
    return Writer()
        .sized(credential.id_object)
        .sized(credential.encrypted_secret)
        .sized(duplicate)
        .sized(shared.encrypted)
        .sized(object.public_area)
        .sized({})
        .take();
}

Result<ActivationBlob> ActivationBlob::split(ByteView blob) {
    Reader reader(blob);
    ActivationBlob out;
    MUSTER_TRY(out.id_object, reader.sized_whole("the credential"));
    MUSTER_TRY(out.encrypted_secret, reader.sized_whole("the credential's secret"));
    MUSTER_TRY(out.duplicate, reader.sized_whole("the wrapped key"));
    MUSTER_TRY(out.seed, reader.sized_whole("the wrapped key's seed"));
    MUSTER_TRY(out.public_area, reader.sized_whole("the key's public area"));
    return out;
}

}  // namespace muster::wire::tpm
