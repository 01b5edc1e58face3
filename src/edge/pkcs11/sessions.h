// The sessions with one token: opened and logged in when needed, kept for the next use, begun anew when the token was
// away. Internal to this room.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <type_traits>
#include <vector>

#include "edge/pkcs11/module.h"
#include "edge/pkcs11/session.h"

namespace muster::edge::pkcs11 {

// Safe from any thread; as many sessions are open as threads use them at once.
class Sessions {
public:
    Sessions(Module& module, Uri where) : module_(module), where_(std::move(where)) {}
    ~Sessions();
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;

    // Runs `work` with a session that is logged in; when the session turned out to be stale, once more with a fresh
    // one. `work` must not mind being begun twice.
    template <class Work>
    std::invoke_result_t<Work&, const Session&> use(Work work) {
        auto result = use_once(work);
        if (result || !needs_fresh_session(result.error())) return result;
        forget();
        return use_once(work);
    }
    // The same without the second try.
    template <class Work>
    std::invoke_result_t<Work&, const Session&> use_once(Work work) {
        MUSTER_TRY(auto lease, acquire());
        auto result = work(lease.session());
        lease.give_back(result.has_value());
        return result;
    }

    // The same for a search. A library may go on answering for a token that was pulled out: "nothing found" counts only
    // while the token is there, and is asked again once it is back.
    template <class Work>
    std::invoke_result_t<Work&, const Session&> search(Work work) {
        auto found = use(work);
        if (!found || static_cast<bool>(*found) || info()) return found;
        forget();
        found = use(work);
        if (!found || static_cast<bool>(*found)) return found;
        MUSTER_CHECK(info());
        return found;
    }

    Result<TokenInfo> info();
    const Uri& where() const { return where_; }

private:
    class Lease {
    public:
        Lease() = default;
        Lease(Sessions& owner, std::shared_lock<std::shared_mutex> held, CK_SESSION_HANDLE handle, CK_SLOT_ID slot)
            : owner_(&owner), held_(std::move(held)), handle_(handle), slot_(slot) {}
        Session session() const;
        // A session in which something failed may have an operation under way: it is closed instead of kept.
        void give_back(bool in_order) { owner_->take_back(handle_, slot_, in_order); }

    private:
        Sessions* owner_ = nullptr;
        std::shared_lock<std::shared_mutex> held_;
        CK_SESSION_HANDLE handle_ = 0;
        CK_SLOT_ID slot_ = 0;
    };

    Result<Lease> acquire();
    Result<Lease> acquire_held(std::shared_lock<std::shared_mutex>& held);
    Result<CK_SESSION_HANDLE> open();
    Result<> log_in(CK_SESSION_HANDLE session);
    void take_back(CK_SESSION_HANDLE session, CK_SLOT_ID slot, bool in_order);
    void forget();
    void drop_idle();

    Module& module_;
    const Uri where_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable returned_;
    std::optional<TokenInfo> token_;  // as it was found
    std::optional<Secret> pin_;
    std::vector<CK_SESSION_HANDLE> idle_;
    std::size_t lent_ = 0;
    unsigned epoch_ = 0;
};

}  // namespace muster::edge::pkcs11
