#include "edge/pkcs11/module.h"

#include <dlfcn.h>
#include <pwd.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "base/log.h"
#include "base/text.h"
#include "edge/pkcs11/cryptoki.h"

namespace muster::edge::pkcs11 {
namespace {

constexpr auto restart_patience = std::chrono::milliseconds(50);
constexpr int restart_tries = 200;

// Fixed-size fields are padded with blanks (PKCS #11 v2.40 base, 3.1).
template <std::size_t Size>
std::string text_of(const unsigned char (&field)[Size]) {
    std::string_view text(reinterpret_cast<const char*>(field), Size);
    text = text.substr(0, text.find('\0'));
    while (text.ends_with(' ')) text.remove_suffix(1);
    return std::string(text);
}

bool fits(const std::optional<std::string>& wanted, const std::string& found) {
    return !wanted || *wanted == found;
}

bool token_fits(const Uri& where, const TokenInfo& token) {
    return fits(where.token, token.label) && fits(where.manufacturer, token.manufacturer) &&
           fits(where.serial, token.serial) && fits(where.model, token.model) &&
           (!where.slot_id || *where.slot_id == token.slot);
}

std::string list_of(const std::vector<TokenInfo>& tokens) {
    std::vector<std::string> parts;
    for (const auto& token : tokens) parts.push_back(token.text());
    return parts.empty() ? "none at all" : join(parts, ", ");
}

std::unexpected<Error> not_loaded(const std::filesystem::path& library, std::string_view reason) {
    return fail(
        Error(Errc::unavailable, fmt::format("the PKCS #11 library {} cannot be used: {}", library.string(), reason))
            .with_hint("correct pkcs11_lib_path in [aziot_keys] of /etc/aziot/config.toml, or install the "
                       "library, then run: iotedge config apply"));
}

// A token may be there for one user and not for another: files of SoftHSM's, a device for one group.
std::string this_user() {
    char buffer[4096];
    struct passwd entry{};
    struct passwd* found = nullptr;
    if (getpwuid_r(::geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) return found->pw_name;
    return fmt::format("#{}", ::geteuid());
}

}  // namespace

std::string TokenInfo::text() const {
    return fmt::format("\"{}\" (serial {}, slot {})", printable(label), printable(serial), slot);
}

Module::Module(std::filesystem::path path, void* handle, const _CK_FUNCTION_LIST* functions,
               std::chrono::milliseconds restart_pause)
    : path_(std::move(path)), handle_(handle), functions_(functions), restart_pause_(restart_pause) {}

Module::~Module() {
    if (initialized_) functions_->C_Finalize(nullptr);
    ::dlclose(handle_);
}

Result<std::unique_ptr<Module>> Module::load(const std::filesystem::path& library,
                                             std::chrono::milliseconds restart_pause) {
    void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* const reason = ::dlerror();
        return not_loaded(library, reason != nullptr ? reason : "no reason given");
    }
    auto* const symbol = ::dlsym(handle, "C_GetFunctionList");
    if (symbol == nullptr) {
        ::dlclose(handle);
        return not_loaded(library, "it has no C_GetFunctionList, so it is no PKCS #11 library");
    }
    CK_C_GetFunctionList get_list = nullptr;
    static_assert(sizeof get_list == sizeof symbol);
    std::memcpy(static_cast<void*>(&get_list), static_cast<const void*>(&symbol), sizeof symbol);
    CK_FUNCTION_LIST* list = nullptr;
    const auto value = get_list(&list);
    if (value != CKR_OK || list == nullptr || list->version.major < 2) {
        const auto reason =
            value != CKR_OK || list == nullptr
                ? "C_GetFunctionList failed: " + name_of(value)
                : fmt::format("it speaks Cryptoki {}.{}; 2.0 is the least", list->version.major, list->version.minor);
        ::dlclose(handle);
        return not_loaded(library, reason);
    }
    std::unique_ptr<Module> module(new Module(library, handle, list, restart_pause));
    if (auto started = module->initialize(); !started) return not_loaded(library, started.error().chain());
    return module;
}

std::unique_lock<std::mutex> Module::login_turn(unsigned long slot) const {
    auto& turn = [&]() -> std::mutex& {
        const std::lock_guard lock(logins_mutex_);
        return logins_[slot];
    }();
    return std::unique_lock(turn);
}

std::optional<Error> Module::refusal_of(const TokenInfo& token, const Secret& pin) const {
    const std::lock_guard lock(refusals_mutex_);
    for (const auto& refusal : refusals_)
        if (refusal.token == token.text() && equal_constant_time(refusal.pin.bytes(), pin.bytes())) return refusal.why;
    return std::nullopt;
}

void Module::note_refusal(const TokenInfo& token, const Secret& pin, Error refusal) {
    const std::lock_guard lock(refusals_mutex_);
    refusals_.push_back({token.text(), pin.clone(), std::move(refusal)});
}

Result<> Module::initialize() {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    started_ = std::chrono::steady_clock::now();
    const auto value = functions_->C_Initialize(&arguments);
    if (value != CKR_CRYPTOKI_ALREADY_INITIALIZED) MUSTER_CHECK(check("C_Initialize", value));
    initialized_ = true;
    return {};
}

bool Module::restart() {
    std::unique_lock lock(mutex_, std::try_to_lock);
    for (int tries = 0; !lock && tries < restart_tries; ++tries) {
        std::this_thread::sleep_for(restart_patience);
        (void)lock.try_lock();
    }
    if (!lock || std::chrono::steady_clock::now() - started_ < restart_pause_) return false;
    if (initialized_) functions_->C_Finalize(nullptr);
    initialized_ = false;
    ++epoch_;
    auto started = initialize();
    if (started) return true;
    log::error("the PKCS #11 library does not start again",
               {{"library", path_.string()}, {"error", started.error().chain()}});
    trouble_ = started.error().wrap(
        fmt::format("the token is missing: the PKCS #11 library {} does not start", path_.string()));
    return false;
}

Result<TokenInfo> Module::describe(unsigned long slot) const {
    const std::lock_guard lock(describing_mutex_);
    CK_TOKEN_INFO info{};
    MUSTER_CHECK(check("C_GetTokenInfo", functions_->C_GetTokenInfo(slot, &info)));
    TokenInfo token;
    token.slot = slot;
    token.label = text_of(info.label);
    token.manufacturer = text_of(info.manufacturerID);
    token.model = text_of(info.model);
    token.serial = text_of(info.serialNumber);
    token.login_required = (info.flags & CKF_LOGIN_REQUIRED) != 0;
    token.pin_is_set = (info.flags & CKF_USER_PIN_INITIALIZED) != 0;
    token.pin_locked = (info.flags & CKF_USER_PIN_LOCKED) != 0;
    token.last_try = (info.flags & CKF_USER_PIN_FINAL_TRY) != 0;
    token.write_protected = (info.flags & CKF_WRITE_PROTECTED) != 0;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0)
        return fail(Errc::not_found, "the token in slot {} is not initialised", slot);
    return token;
}

Result<std::vector<TokenInfo>> Module::tokens() const {
    constexpr unsigned long most = 1024;
    if (!initialized_) return fail(*trouble_);
    unsigned long count = 0;
    MUSTER_CHECK(check("C_GetSlotList", functions_->C_GetSlotList(CK_TRUE, nullptr, &count)));
    // One may be plugged in between the two calls.
    count = std::min(count + 4, most);
    std::vector<CK_SLOT_ID> slots(count);
    MUSTER_CHECK(check("C_GetSlotList", functions_->C_GetSlotList(CK_TRUE, slots.data(), &count)));
    slots.resize(std::min<std::size_t>(count, slots.size()));
    std::vector<TokenInfo> found;
    for (const auto slot : slots)
        if (auto token = describe(slot)) found.push_back(std::move(*token));
    return found;
}

bool Module::slot_matches(unsigned long slot, const Uri& where) const {
    if (!where.slot_manufacturer && !where.slot_description) return true;
    CK_SLOT_INFO info{};
    return functions_->C_GetSlotInfo(slot, &info) == CKR_OK &&
           fits(where.slot_manufacturer, text_of(info.manufacturerID)) &&
           fits(where.slot_description, text_of(info.slotDescription));
}

Result<> Module::check_library(const Uri& where) const {
    if (where.module_path && *where.module_path != path_.string())
        return fail(
            Error(Errc::conflict, fmt::format("the URI names the library {}, but keyd uses {}",
                                              printable(*where.module_path), path_.string()))
                .with_hint("keyd loads one library, pkcs11_lib_path; p11-kit's proxy (libp11-kit.so.0) joins several"));
    if (!where.library_manufacturer && !where.library_description && !where.library_version) return {};
    CK_INFO info{};
    MUSTER_CHECK(check("C_GetInfo", functions_->C_GetInfo(&info)));
    const auto version = where.library_version.value_or("");
    const bool whole = version.find('.') != std::string::npos;
    const auto own = whole ? fmt::format("{}.{}", info.libraryVersion.major, info.libraryVersion.minor)
                           : fmt::format("{}", info.libraryVersion.major);
    if (fits(where.library_manufacturer, text_of(info.manufacturerID)) &&
        fits(where.library_description, text_of(info.libraryDescription)) && (version.empty() || version == own))
        return {};
    return fail(Errc::unavailable, "the library is \"{}\" {}.{} of \"{}\", not the one that the URI names",
                printable(text_of(info.libraryDescription)), info.libraryVersion.major, info.libraryVersion.minor,
                printable(text_of(info.manufacturerID)));
}

Result<TokenInfo> Module::find_token(const Uri& where) const {
    MUSTER_CHECK(check_library(where));
    MUSTER_TRY(const auto all, tokens());
    std::vector<TokenInfo> fitting;
    for (const auto& token : all)
        if (token_fits(where, token) && slot_matches(token.slot, where)) fitting.push_back(token);
    if (fitting.size() == 1) return fitting.front();
    if (fitting.empty())
        return fail(Error(Errc::unavailable,
                          fmt::format("the token is missing: no {}; present: {}", where.text(), list_of(all)))
                        .with_hint(fmt::format("plug it in, or look for it as its user does: "
                                               "sudo -u {} pkcs11-tool --module {} --list-token-slots",
                                               this_user(), path_.string())));
    return fail(Error(Errc::unavailable, fmt::format("{} fits several tokens: {}", where.text(), list_of(fitting)))
                    .with_hint("name one with serial=..."));
}

}  // namespace muster::edge::pkcs11
