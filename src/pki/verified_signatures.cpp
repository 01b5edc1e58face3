#include <cstring>
#include <mutex>
#include <shared_mutex>
#include <unordered_set>

#include "pki/path.h"

namespace muster::pki {

namespace {

using Pair = std::array<std::uint8_t, 64>;

Pair pair_of(const Sha256& subject, const Sha256& issuer) {
    Pair pair;
    std::memcpy(pair.data(), subject.data(), subject.size());
    std::memcpy(pair.data() + subject.size(), issuer.data(), issuer.size());
    return pair;
}

// Both halves are SHA-256 already: any eight bytes are a good hash, and nobody can aim for collisions cheaply enough to
// matter in a set of this size.
struct PairHash {
    std::size_t operator()(const Pair& pair) const {
        std::size_t a = 0, b = 0;
        std::memcpy(&a, pair.data(), sizeof a);
        std::memcpy(&b, pair.data() + 32, sizeof b);
        return a ^ (b << 1U);
    }
};

using PairSet = std::unordered_set<Pair, PairHash>;

}  // namespace

// Two generations: when the young one is full it becomes the old one, and the old one goes. What is in use moves along,
// because a hit in the old one is entered anew. Reading takes a shared lock alone.
struct VerifiedSignatures::State {
    explicit State(std::size_t capacity) : generation_size(capacity < 2 ? 1 : capacity / 2) {}

    const std::size_t generation_size;
    mutable std::shared_mutex mutex;
    PairSet young;
    PairSet old;

    void insert(const Pair& pair) {
        if (young.size() >= generation_size) {
            old = std::move(young);
            young.clear();
        }
        young.insert(pair);
    }
};

VerifiedSignatures::VerifiedSignatures(std::size_t capacity) : state_(std::make_unique<State>(capacity)) {}
VerifiedSignatures::~VerifiedSignatures() = default;

bool VerifiedSignatures::contains(const Sha256& subject, const Sha256& issuer) const {
    const Pair pair = pair_of(subject, issuer);
    {
        const std::shared_lock lock(state_->mutex);
        if (state_->young.contains(pair)) return true;
        if (!state_->old.contains(pair)) return false;
    }
    const std::unique_lock lock(state_->mutex);
    state_->insert(pair);
    return true;
}

void VerifiedSignatures::insert(const Sha256& subject, const Sha256& issuer) {
    const std::unique_lock lock(state_->mutex);
    state_->insert(pair_of(subject, issuer));
}

}  // namespace muster::pki
