#include "edge/tpmd/tpm.h"

#include <tss2/tss2_mu.h>

#include <algorithm>

#include "edge/tpmd/esys.h"
#include "edge/tpmd/templates.h"
#include "wire/tpm/activation.h"

namespace muster::edge::tpmd {
namespace {

using wire::tpm::ActivationBlob;

constexpr ESYS_TR none = ESYS_TR_NONE;
constexpr ESYS_TR password = ESYS_TR_PASSWORD;

// A TPM2B structure of the library's from its bytes, all of them.
template <class T, class Unmarshal>
Result<T> unmarshal(ByteView bytes, Unmarshal read, std::string_view what) {
    T out{};
    std::size_t offset = 0;
    const auto code = read(bytes.data(), bytes.size(), &offset, &out);
    if (code == TSS2_RC_SUCCESS && offset == bytes.size()) return out;
    return fail(Errc::invalid_argument, "the key's {} is malformed", what);
}

Result<TPM2B_MAX_BUFFER> buffer_of(ByteView data) {
    TPM2B_MAX_BUFFER out{};
    if (data.size() > sizeof(out.buffer)) return fail(Errc::internal, "too much at once for the TPM");
    out.size = static_cast<UINT16>(data.size());
    std::ranges::copy(data, out.buffer);
    return out;
}

Bytes bytes_of(const TPM2B_DIGEST& digest) {
    return {digest.buffer, digest.buffer + digest.size};
}

void set_auth(ESYS_CONTEXT* esys, ESYS_TR hierarchy, const Secret& auth) {
    TPM2B_AUTH value{};
    value.size = static_cast<UINT16>(auth.size());
    std::ranges::copy(auth.bytes(), value.buffer);
    Esys_TR_SetAuth(esys, hierarchy, &value);
    wipe(&value, sizeof(value));
}

Result<bool> is_there(ESYS_CONTEXT* esys, TPM2_HANDLE handle) {
    TPMI_YES_NO more = 0;
    TPMS_CAPABILITY_DATA* raw = nullptr;
    MUSTER_CHECK(checked(Esys_GetCapability(esys, none, none, none, TPM2_CAP_HANDLES, handle, 1, &more, &raw),
                         "the TPM does not tell which keys it holds"));
    const EsysOwner<TPMS_CAPABILITY_DATA> owner(raw);
    const auto& found = raw->data.handles;
    return found.count > 0 && found.handle[0] == handle;
}

Result<ESYS_TR> persistent(ESYS_CONTEXT* esys, TPM2_HANDLE handle) {
    ESYS_TR out = none;
    MUSTER_CHECK(checked(Esys_TR_FromTPMPublic(esys, handle, none, none, none, &out),
                         fmt::format("the TPM does not show its key {:#010x}", handle)));
    return out;
}

Result<> keep(ESYS_CONTEXT* esys, ESYS_TR object, TPM2_HANDLE handle) {
    ESYS_TR kept = none;
    return checked(Esys_EvictControl(esys, ESYS_TR_RH_OWNER, object, password, none, none, handle, &kept),
                   fmt::format("the TPM does not keep a key as {:#010x}", handle));
}

// The TPM derives such a key from its own seed: one that was lost is made again as it was.
Result<> make_primary(ESYS_CONTEXT* esys, ESYS_TR hierarchy, const TPM2B_PUBLIC& model, TPM2_HANDLE handle) {
    const TPM2B_SENSITIVE_CREATE no_secret{};
    const TPM2B_DATA no_data{};
    const TPML_PCR_SELECTION no_registers{};
    ESYS_TR object = none;
    MUSTER_CHECK(checked(Esys_CreatePrimary(esys, hierarchy, password, none, none, &no_secret, &model, &no_data,
                                            &no_registers, &object, nullptr, nullptr, nullptr, nullptr),
                         fmt::format("the TPM does not make the key {:#010x}", handle)));
    const Transient owner(esys, object);
    return keep(esys, object, handle);
}

Result<ESYS_TR> primary(ESYS_CONTEXT* esys, ESYS_TR hierarchy, const TPM2B_PUBLIC& model, TPM2_HANDLE handle) {
    MUSTER_TRY(const auto there, is_there(esys, handle));
    if (!there) MUSTER_CHECK(make_primary(esys, hierarchy, model, handle));
    return persistent(esys, handle);
}

Result<ESYS_TR> endorsement_key(ESYS_CONTEXT* esys) {
    return primary(esys, ESYS_TR_RH_ENDORSEMENT, endorsement_key_template(), endorsement_key_handle);
}

Result<ESYS_TR> storage_root_key(ESYS_CONTEXT* esys) {
    return primary(esys, ESYS_TR_RH_OWNER, storage_root_key_template(), storage_root_key_handle);
}

Result<Bytes> public_area(ESYS_CONTEXT* esys, ESYS_TR key) {
    TPM2B_PUBLIC* raw = nullptr;
    MUSTER_CHECK(checked(Esys_ReadPublic(esys, key, none, none, none, &raw, nullptr, nullptr),
                         "the TPM does not show the public part of a key"));
    const EsysOwner<TPM2B_PUBLIC> owner(raw);
    Bytes out(sizeof(TPM2B_PUBLIC));
    std::size_t size = 0;
    MUSTER_CHECK(checked(Tss2_MU_TPM2B_PUBLIC_Marshal(raw, out.data(), out.size(), &size), "a key cannot be written"));
    out.resize(size);
    return out;
}

// A session that has satisfied the endorsement key's policy.
Result<Transient> endorsement_session(ESYS_CONTEXT* esys) {
    TPMT_SYM_DEF no_encryption{};
    no_encryption.algorithm = TPM2_ALG_NULL;
    ESYS_TR handle = none;
    MUSTER_CHECK(checked(Esys_StartAuthSession(esys, none, none, none, none, none, nullptr, TPM2_SE_POLICY,
                                               &no_encryption, TPM2_ALG_SHA256, &handle),
                         "the TPM does not begin a session"));
    Transient session(esys, handle);
    MUSTER_CHECK(checked(Esys_PolicySecret(esys, ESYS_TR_RH_ENDORSEMENT, handle, password, none, none, nullptr, nullptr,
                                           nullptr, 0, nullptr, nullptr),
                         "the TPM does not allow the use of its endorsement key"));
    return session;
}

// TPM2_ActivateCredential: what wraps the key, if it was made for this TPM.
Result<TPM2B_DATA> inner_key(ESYS_CONTEXT* esys, ESYS_TR storage, const ActivationBlob& blob) {
    MUSTER_TRY(const auto credential,
               unmarshal<TPM2B_ID_OBJECT>(blob.id_object, Tss2_MU_TPM2B_ID_OBJECT_Unmarshal, "credential"));
    MUSTER_TRY(const auto secret,
               unmarshal<TPM2B_ENCRYPTED_SECRET>(blob.encrypted_secret, Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal,
                                                 "credential's secret"));
    MUSTER_TRY(const auto endorsement, endorsement_key(esys));
    MUSTER_TRY(const auto session, endorsement_session(esys));
    TPM2B_DIGEST* raw = nullptr;
    const auto code =
        Esys_ActivateCredential(esys, storage, endorsement, password, session.get(), none, &credential, &secret, &raw);
    if (auto done = checked(code, "the key was not made for this TPM"); !done)
        return fail(Error(Errc::invalid_argument, done.error().message())
                        .with_hint("enroll this TPM's endorsement key at the service"));
    const EsysOwner<TPM2B_DIGEST> owner(raw);
    TPM2B_DATA out{};
    out.size = raw->size;
    std::copy_n(raw->buffer, raw->size, out.buffer);
    wipe(raw, sizeof(*raw));
    return out;
}

Result<Transient> load(ESYS_CONTEXT* esys, ByteView bytes) {
    auto blob = ActivationBlob::split(bytes);
    if (!blob) return fail(blob.error().wrap("it is not a key wrapped for a TPM"));
    MUSTER_TRY(const auto area,
               unmarshal<TPM2B_PUBLIC>(blob->public_area, Tss2_MU_TPM2B_PUBLIC_Unmarshal, "public area"));
    MUSTER_TRY(const auto duplicate,
               unmarshal<TPM2B_PRIVATE>(blob->duplicate, Tss2_MU_TPM2B_PRIVATE_Unmarshal, "private part"));
    MUSTER_TRY(const auto seed,
               unmarshal<TPM2B_ENCRYPTED_SECRET>(blob->seed, Tss2_MU_TPM2B_ENCRYPTED_SECRET_Unmarshal, "seed"));
    MUSTER_TRY(const auto storage, storage_root_key(esys));
    MUSTER_TRY(auto inner, inner_key(esys, storage, *blob));
    TPMT_SYM_DEF_OBJECT inner_algorithm{};
    inner_algorithm.algorithm = TPM2_ALG_AES;
    inner_algorithm.keyBits.aes = static_cast<UINT16>(inner.size * 8);
    inner_algorithm.mode.aes = TPM2_ALG_CFB;
    TPM2B_PRIVATE* raw = nullptr;
    const auto code =
        Esys_Import(esys, storage, password, none, none, &inner, &area, &duplicate, &seed, &inner_algorithm, &raw);
    wipe(&inner, sizeof(inner));
    MUSTER_CHECK(checked(code, "the TPM does not take the key"));
    const EsysOwner<TPM2B_PRIVATE> owner(raw);
    ESYS_TR object = none;
    MUSTER_CHECK(
        checked(Esys_Load(esys, storage, password, none, none, raw, &area, &object), "the TPM does not load the key"));
    return Transient(esys, object);
}

Result<Bytes> sign_long(ESYS_CONTEXT* esys, ESYS_TR key, ByteView data) {
    constexpr auto piece = sizeof(TPM2B_MAX_BUFFER::buffer);
    const TPM2B_AUTH no_auth{};
    ESYS_TR sequence = none;
    MUSTER_CHECK(checked(Esys_HMAC_Start(esys, key, password, none, none, &no_auth, TPM2_ALG_SHA256, &sequence),
                         "the TPM does not begin to sign"));
    while (data.size() > piece) {
        MUSTER_TRY(const auto part, buffer_of(data.first(piece)));
        data = data.subspan(piece);
        if (auto done =
                checked(Esys_SequenceUpdate(esys, sequence, password, none, none, &part), "the TPM does not sign");
            !done) {
            Esys_FlushContext(esys, sequence);
            return fail(std::move(done).error());
        }
    }
    MUSTER_TRY(const auto last, buffer_of(data));
    TPM2B_DIGEST* raw = nullptr;
    // Ends the sequence, also when it fails.
    MUSTER_CHECK(
        checked(Esys_SequenceComplete(esys, sequence, password, none, none, &last, ESYS_TR_RH_NULL, &raw, nullptr),
                "the TPM does not sign"));
    const EsysOwner<TPM2B_DIGEST> owner(raw);
    return bytes_of(*raw);
}

Result<Bytes> sign(ESYS_CONTEXT* esys, ESYS_TR key, ByteView data) {
    if (data.size() > sizeof(TPM2B_MAX_BUFFER::buffer)) return sign_long(esys, key, data);
    MUSTER_TRY(const auto buffer, buffer_of(data));
    TPM2B_DIGEST* raw = nullptr;
    MUSTER_CHECK(
        checked(Esys_HMAC(esys, key, password, none, none, &buffer, TPM2_ALG_SHA256, &raw), "the TPM does not sign"));
    const EsysOwner<TPM2B_DIGEST> owner(raw);
    return bytes_of(*raw);
}

Result<Esys> open(const Settings& settings) {
    MUSTER_TRY(auto esys, Esys::open(settings.tcti));
    set_auth(esys.get(), ESYS_TR_RH_ENDORSEMENT, settings.endorsement_auth);
    set_auth(esys.get(), ESYS_TR_RH_OWNER, settings.owner_auth);
    return esys;
}

}  // namespace

Result<Tpm::Keys> Tpm::keys() const {
    MUSTER_TRY(const auto esys, open(settings_));
    MUSTER_TRY(const auto endorsement, endorsement_key(esys.get()));
    MUSTER_TRY(const auto storage, storage_root_key(esys.get()));
    Keys out;
    MUSTER_TRY(out.endorsement, public_area(esys.get(), endorsement));
    MUSTER_TRY(out.storage_root, public_area(esys.get(), storage));
    return out;
}

Result<> Tpm::import_auth_key(ByteView blob) const {
    MUSTER_TRY(const auto esys, open(settings_));
    MUSTER_TRY(const auto key, load(esys.get(), blob));
    MUSTER_TRY(const auto there, is_there(esys.get(), auth_key_handle()));
    if (there) {
        MUSTER_TRY(const auto old, persistent(esys.get(), auth_key_handle()));
        MUSTER_CHECK(keep(esys.get(), old, auth_key_handle()));  // an object that is kept already goes
    }
    return keep(esys.get(), key.get(), auth_key_handle());
}

Result<Bytes> Tpm::sign_with_auth_key(ByteView data) const {
    MUSTER_TRY(const auto esys, open(settings_));
    MUSTER_TRY(const auto there, is_there(esys.get(), auth_key_handle()));
    if (!there)
        return fail(
            Error(Errc::not_found, fmt::format("the TPM holds no authentication key ({:#010x})", auth_key_handle()))
                .with_hint("iotedge system reprovision"));
    MUSTER_TRY(const auto key, persistent(esys.get(), auth_key_handle()));
    return sign(esys.get(), key, data);
}

Result<Bytes> Tpm::sign_with_wrapped_key(ByteView blob, ByteView data) const {
    MUSTER_TRY(const auto esys, open(settings_));
    MUSTER_TRY(const auto key, load(esys.get(), blob));
    return sign(esys.get(), key.get(), data);
}

}  // namespace muster::edge::tpmd
