// A PKCS #11 library that is as bad as some: it hangs in C_Sign for as long as the file $MUSTER_HANG is there, and has
// $MUSTER_SESSIONS sessions and no more. For the rest it is SoftHSM 2.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

namespace {

CK_FUNCTION_LIST* soft_hsm = nullptr;
CK_FUNCTION_LIST functions;

CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* signature, CK_ULONG* length) {
    const char* const file = std::getenv("MUSTER_HANG");
    while (file != nullptr && ::access(file, F_OK) == 0) ::usleep(10'000);
    return soft_hsm->C_Sign(session, data, size, signature, length);
}

std::atomic<int> sessions{0};

CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
    const char* const most = std::getenv("MUSTER_SESSIONS");
    if (++sessions > (most != nullptr ? std::atoi(most) : 1000)) {
        --sessions;
        return CKR_SESSION_COUNT;
    }
    const auto value = soft_hsm->C_OpenSession(slot, flags, application, notify, session);
    if (value != CKR_OK) --sessions;
    return value;
}

CK_RV close_session(CK_SESSION_HANDLE session) {
    const auto value = soft_hsm->C_CloseSession(session);
    if (value == CKR_OK) --sessions;
    return value;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    void* const library = ::dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    const auto get =
        library == nullptr ? nullptr : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    if (get == nullptr || get(&soft_hsm) != CKR_OK) return CKR_GENERAL_ERROR;
    functions = *soft_hsm;
    functions.C_Sign = sign;
    functions.C_OpenSession = open_session;
    functions.C_CloseSession = close_session;
    *list = &functions;
    return CKR_OK;
}
