#include "muster/endorsement_key.h"

#include "base/file.h"
#include "base/text.h"
#include "wire/tpm/structures.h"

namespace muster::cli {
namespace {

using wire::tpm::StorageKey;

Result<StorageKey> key_of(const std::string& argument) {
    if (!argument.starts_with('@')) return StorageKey::from_base64(trim(argument));
    MUSTER_TRY(const auto content, read_file(argument.substr(1), 64 * 1024));
    auto bytes = StorageKey::parse(as_bytes(content));
    return bytes ? std::move(bytes) : StorageKey::from_base64(trim(content));
}

}  // namespace

Result<std::string> read_endorsement_key(const std::string& argument) {
    const auto key = key_of(argument);
    if (key) return base64_encode(key->tpm2b());
    if (key.error().code() != Errc::invalid_argument) return fail(key.error());
    return fail(
        Error(Errc::invalid_argument,
              fmt::format("{} is no endorsement key of a TPM 2.0: {}",
                          argument.starts_with('@') ? argument.substr(1) : "that", key.error().message()))
            .with_hint("on the device: tpm2_readpublic -c 0x81010001 -o ek.pub, then --endorsement-key @ek.pub"));
}

}  // namespace muster::cli
