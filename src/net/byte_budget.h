// What all connections together may hold of messages that have not wholly arrived.
//
// Each connection has limits of its own; twenty thousand strangers who each stay just below theirs would still fill the
// memory. So bytes beyond a small share count against one sum, and who would exceed it is turned away.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>

namespace muster::net {

class ByteBudget {
public:
    // A connection holds up to this without counting: what devices send is smaller, and is served whatever others do.
    static constexpr std::size_t free_share = 8 * 1024;

    explicit ByteBudget(std::size_t bytes) : limit_(bytes) {}
    std::size_t held() const { return held_; }

private:
    friend class BudgetShare;
    std::atomic<std::size_t> held_ = 0;
    const std::size_t limit_;
};

// One connection's part; gives back what it holds when it goes. On one thread at a time.
class BudgetShare {
public:
    // Null: without limit.
    explicit BudgetShare(std::shared_ptr<ByteBudget> budget) : budget_(std::move(budget)) {}
    BudgetShare(const BudgetShare&) = delete;
    BudgetShare& operator=(const BudgetShare&) = delete;
    ~BudgetShare() { (void)hold(0); }

    // Says how much is held now. False when that is more than there is for all: the caller lets go of it and ends the
    // conversation.
    [[nodiscard]] bool hold(std::size_t bytes) {
        if (!budget_) return true;
        const std::size_t counted = bytes <= ByteBudget::free_share ? 0 : bytes;
        const std::size_t before = std::exchange(counted_, counted);
        if (counted <= before) {
            budget_->held_ -= before - counted;
            return true;
        }
        return (budget_->held_ += counted - before) <= budget_->limit_;
    }

private:
    std::shared_ptr<ByteBudget> budget_;
    std::size_t counted_ = 0;
};

}  // namespace muster::net
