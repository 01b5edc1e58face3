// A vendor's PKCS #11 library, loaded into this process.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/error.h"
#include "edge/pkcs11/uri.h"

// p11-kit's name for the standard's CK_FUNCTION_LIST; its header stays inside this room.
struct _CK_FUNCTION_LIST;  // NOLINT(bugprone-reserved-identifier)

namespace muster::edge::pkcs11 {

struct TokenInfo {
    unsigned long slot = 0;
    std::string label, manufacturer, model, serial;
    bool login_required = false;
    bool pin_is_set = false;
    bool pin_locked = false;
    bool last_try = false;  // one more wrong PIN locks the token
    bool write_protected = false;

    // "edge (serial 6a3f..., slot 0)", for messages.
    std::string text() const;
};

// Safe from any thread; every call blocks.
class Module {
public:
    // Errc::unavailable: not there, not a PKCS #11 library, or it cannot start; the message has the loader's or the
    // library's own reason.
    static Result<std::unique_ptr<Module>> load(const std::filesystem::path& library,
                                                std::chrono::milliseconds restart_pause = std::chrono::seconds(2));
    ~Module();
    Module(const Module&) = delete;
    Module& operator=(const Module&) = delete;

    const std::filesystem::path& path() const { return path_; }
    const _CK_FUNCTION_LIST& functions() const { return *functions_; }

    // The tokens that are present and initialised.
    Result<std::vector<TokenInfo>> tokens() const;
    // The one that the URI selects. Errc::unavailable: none, with those that are there in the hint, or several.
    Result<TokenInfo> find_token(const Uri& where) const;

    // Holds the library as it is: restart() waits for whoever uses it.
    std::shared_lock<std::shared_mutex> hold() const { return std::shared_lock(mutex_); }
    // Many libraries look for tokens only when they are initialised: ends and starts the library again, at most once in
    // `restart_pause`. All sessions are gone afterwards. Without hold(). False when it was not done.
    bool restart();
    // Changes with each restart. Under hold().
    unsigned epoch() const { return epoch_; }

    // Held from the look at the refusals until the token has answered: a wrong PIN costs one try, however many ask.
    // At each token by itself: one that hangs in a login keeps nobody from the others.
    std::unique_lock<std::mutex> login_turn(unsigned long slot) const;
    // The token in the slot as it is now. Under hold().
    Result<TokenInfo> describe(unsigned long slot) const;

    // PINs that a token refused. They are tried no second time as long as the library is loaded, whoever asks: a token
    // locks itself after a few.
    std::optional<Error> refusal_of(const TokenInfo& token, const Secret& pin) const;
    void note_refusal(const TokenInfo& token, const Secret& pin, Error refusal);

private:
    Module(std::filesystem::path path, void* handle, const _CK_FUNCTION_LIST* functions,
           std::chrono::milliseconds restart_pause);
    Result<> initialize();
    bool slot_matches(unsigned long slot, const Uri& where) const;
    Result<> check_library(const Uri& where) const;

    std::filesystem::path path_;
    void* handle_;
    const _CK_FUNCTION_LIST* functions_;
    std::chrono::milliseconds restart_pause_;
    mutable std::shared_mutex mutex_;  // held alone by restart()
    struct Refusal {
        std::string token;
        Secret pin;
        Error why;
    };
    mutable std::mutex logins_mutex_;
    mutable std::map<unsigned long, std::mutex> logins_;  // by slot
    mutable std::mutex describing_mutex_;  // SoftHSM tells a token's time through gmtime(), which threads share
    mutable std::mutex refusals_mutex_;
    std::vector<Refusal> refusals_;
    bool initialized_ = false;
    std::optional<Error> trouble_;  // while not initialized: why
    unsigned epoch_ = 0;
    std::chrono::steady_clock::time_point started_;
};

}  // namespace muster::edge::pkcs11
