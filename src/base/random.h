// Randomness is given, like time: services ask a Random, tests seed one.
#pragma once

#include <cstdint>
#include <mutex>
#include <random>
#include <span>
#include <string>

#include "base/bytes.h"

namespace muster {

class Random {
public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;

    Bytes bytes(std::size_t count);
    // RFC 9562 version 4, lower case: "b3602f8f-76fe-4341-9214-bb6cfb891b8a".
    std::string guid();
    // Uniform in [0, bound); bound > 0.
    std::uint64_t below(std::uint64_t bound);
};

// The kernel's generator (getrandom). Safe from any thread.
class SystemRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override;
};

// The same bytes for the same seed, for tests alone. Safe from any thread.
class SeededRandom final : public Random {
public:
    explicit SeededRandom(std::uint64_t seed) : engine_(seed) {}
    void fill(std::span<std::uint8_t> out) override;

private:
    std::mutex mutex_;
    std::mt19937_64 engine_;
};

}  // namespace muster
