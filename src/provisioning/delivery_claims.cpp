#include "provisioning/delivery_claims.h"

#include "base/log.h"

namespace muster::provisioning {

using store::OutboxRecord;
using store::Tx;

// Both or none: the caller's transaction is undone when one of them is another's.
Result<bool> DeliveryClaims::claim(Tx& tx, const std::string& key, const std::string& subject, TimePoint until) const {
    MUSTER_TRY(const auto entry, tx.outbox_claims().claim(key, owner_, clock_.now(), until));
    if (!entry || subject == key) return entry;
    return tx.outbox_claims().claim(subject, owner_, clock_.now(), until);
}

Task<Result<bool>> DeliveryClaims::take(const OutboxRecord& task, const std::string& subject) {
    if (!needed()) co_return true;
    const auto until = end_of_claim();
    const auto taken = co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto row, tx.outbox().find(task.key));
        if (!row || row->id != task.id) return fail(Errc::not_found, "it was done by another musterd");
        MUSTER_TRY(const auto claimed, claim(tx, task.key, subject, until));
        return claimed ? Result<>() : fail(Errc::conflict, "another musterd works on it");
    });
    if (taken) held_[task.key] = {subject, until};
    const bool of_others =
        !taken && (taken.error().code() == Errc::not_found || taken.error().code() == Errc::conflict);
    if (!taken && !of_others) co_return std::unexpected(taken.error());
    co_return taken.has_value();
}

Task<Result<>> DeliveryClaims::before_call(const OutboxRecord& task) {
    if (!needed()) co_return Result<>();
    auto& held = held_.at(task.key);
    if (clock_.now() + longest_call_ + clock_difference <= held.until) co_return Result<>();
    const auto until = end_of_claim();
    MUSTER_CO_CHECK(co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto claimed, claim(tx, task.key, held.subject, until));
        return claimed ? Result<>() : fail(Errc::unavailable, "another musterd has taken it over");
    }));
    held.until = until;
    co_return Result<>();
}

Task<> DeliveryClaims::release(const OutboxRecord& task) {
    const auto held = held_.extract(task.key);
    if (held.empty()) co_return;
    const auto& subject = held.mapped().subject;
    const auto released = co_await store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_CHECK(tx.outbox_claims().release(task.key, owner_));
        if (subject == task.key) return {};
        return tx.outbox_claims().release(subject, owner_);
    });
    if (!released)
        log::warn("a claim on what a device waits for stays until its end",
                  {{"task", task.key}, {"error", released.error().chain()}});
}

Task<> DeliveryClaims::leave_to_others() {
    if (!needed()) co_return;
    // A call for what is still held may be on its way: that stays claimed until the claim's end. What is held changes
    // on this thread, and the transaction runs on another.
    const auto calls = held_.size();
    const auto left = co_await store_.transact([&](Tx& tx) -> Result<> {
        if (calls == 0) MUSTER_CHECK(tx.outbox_claims().release_all(owner_));
        return tx.outbox().leave_to_others();
    });
    if (!left) log::warn("other musterds take up later what devices wait for", {{"error", left.error().chain()}});
    if (calls > 0)
        log::warn("calls to other hubs were still under way: other musterds take them up once their claims have ended",
                  {{"calls", calls}});
}

Task<> DeliveryClaims::forget_ended() {
    constexpr auto long_ago = std::chrono::hours(1);
    if (clock_.now() - forgotten_ < long_ago) co_return;
    forgotten_ = clock_.now();
    const auto erased =
        co_await store_.transact([&](Tx& tx) { return tx.outbox_claims().erase_ended(clock_.now() - long_ago); });
    if (!erased) log::warn("ended claims stay in the database", {{"error", erased.error().chain()}});
}

}  // namespace muster::provisioning
