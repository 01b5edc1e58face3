// A PKCS #11 library that is as bad as some: it hangs in C_Login and C_Sign for as long as the file $MUSTER_HANG is
// there, with the token whose label is in that file, or with all when it is empty; and it has $MUSTER_SESSIONS sessions
// with a token and no more. For the rest it is SoftHSM 2.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <string>

namespace {

CK_FUNCTION_LIST* soft_hsm = nullptr;
CK_FUNCTION_LIST functions;

std::mutex mutex;
std::map<CK_SESSION_HANDLE, std::string> labels;  // of the sessions' tokens

// SoftHSM tells a token's time through gmtime(), which threads share.
CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
    static std::mutex describing;
    const std::lock_guard lock(describing);
    return soft_hsm->C_GetTokenInfo(slot, info);
}

std::string label_of(CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    if (token_info(slot, &info) != CKR_OK) return {};
    const std::string label(reinterpret_cast<const char*>(info.label), sizeof info.label);
    return label.substr(0, label.find_last_not_of(' ') + 1);
}

bool hangs(CK_SESSION_HANDLE session) {
    const char* const name = std::getenv("MUSTER_HANG");
    std::ifstream file(name != nullptr ? name : "");
    if (!file) return false;
    std::string label;
    std::getline(file, label);
    const std::lock_guard lock(mutex);
    return label.empty() || labels[session] == label;
}

CK_RV log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user, unsigned char* pin, CK_ULONG size) {
    while (hangs(session)) ::usleep(10'000);
    return soft_hsm->C_Login(session, user, pin, size);
}

CK_RV sign(CK_SESSION_HANDLE session, unsigned char* data, CK_ULONG size, unsigned char* signature, CK_ULONG* length) {
    while (hangs(session)) ::usleep(10'000);
    return soft_hsm->C_Sign(session, data, size, signature, length);
}

std::size_t sessions_with(const std::string& label) {
    return static_cast<std::size_t>(
        std::count_if(labels.begin(), labels.end(), [&](const auto& session) { return session.second == label; }));
}

CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify, CK_SESSION_HANDLE* session) {
    const char* const most = std::getenv("MUSTER_SESSIONS");
    const auto label = label_of(slot);
    const std::lock_guard lock(mutex);
    if (sessions_with(label) >= (most != nullptr ? std::stoul(most) : 1000)) return CKR_SESSION_COUNT;
    const auto value = soft_hsm->C_OpenSession(slot, flags, application, notify, session);
    if (value == CKR_OK) labels[*session] = label;
    return value;
}

CK_RV close_session(CK_SESSION_HANDLE session) {
    const std::lock_guard lock(mutex);
    const auto value = soft_hsm->C_CloseSession(session);
    if (value == CKR_OK) labels.erase(session);
    return value;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    void* const library = ::dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW | RTLD_LOCAL);
    const auto get =
        library == nullptr ? nullptr : reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
    if (get == nullptr || get(&soft_hsm) != CKR_OK) return CKR_GENERAL_ERROR;
    functions = *soft_hsm;
    functions.C_GetTokenInfo = token_info;
    functions.C_Login = log_in;
    functions.C_Sign = sign;
    functions.C_OpenSession = open_session;
    functions.C_CloseSession = close_session;
    *list = &functions;
    return CKR_OK;
}
