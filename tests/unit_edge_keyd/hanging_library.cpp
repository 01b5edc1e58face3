// A PKCS #11 library that hangs in C_Sign for as long as the file $MUSTER_HANG is there; for the rest it is SoftHSM 2.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <cstdlib>

namespace {

CK_FUNCTION_LIST* soft_hsm = nullptr;
CK_FUNCTION_LIST functions;

CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* signature, CK_ULONG* length) {
    const char* const file = std::getenv("MUSTER_HANG");
    while (file != nullptr && ::access(file, F_OK) == 0) ::usleep(10'000);
    return soft_hsm->C_Sign(session, data, size, signature, length);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    void* const library = ::dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    const auto get =
        library == nullptr ? nullptr : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    if (get == nullptr || get(&soft_hsm) != CKR_OK) return CKR_GENERAL_ERROR;
    functions = *soft_hsm;
    functions.C_Sign = sign;
    *list = &functions;
    return CKR_OK;
}
