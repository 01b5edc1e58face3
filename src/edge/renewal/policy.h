// When certificates are renewed: [auto_renew] of the configuration (facts/device.md 1.3, 4.4).
#pragma once

#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "pki/certificate.h"

namespace muster::edge::renewal {

struct Lifetime {
    TimePoint not_before;
    TimePoint not_after;

    static Lifetime of(const pki::Certificate& certificate) {
        return {certificate.not_before(), certificate.not_after()};
    }
    Micros length() const { return std::max(not_after - not_before, Micros(0)); }
};

// "N%" of a lifetime (1 to 99), "Nmin" or "Nday" (N > 0).
class Span {
public:
    static Result<Span> parse(std::string_view text);
    static constexpr Span percent(int part) { return Span(part, Micros(0)); }

    bool is_percent() const { return percent_ > 0; }
    // The whole span, of this life; at least a second.
    Micros of(const Lifetime& life) const;

    bool operator==(const Span&) const = default;

private:
    constexpr Span(int percent, Micros time) : percent_(percent), time_(time) {}
    int percent_;
    Micros time_;
};

struct Policy {
    bool rotate_key = true;  // a new key with each new certificate
    Span threshold = Span::percent(80);
    Span retry = Span::percent(4);

    // From the settings' table; all three members. `what` is the table's name in errors.
    static Result<Policy> from_settings(const json::object& table, std::string_view what);

    bool operator==(const Policy&) const = default;
};

// When the renewal is to begin: a percentage counts from notBefore, a time back from notAfter. A time longer than half
// the life counts as half: what lives for a week and is to be renewed 30 days before its end would else be renewed
// without pause.
TimePoint due(const Policy& policy, const Lifetime& life);
// Between two tries.
Micros retry_pause(const Policy& policy, const Lifetime& life);

}  // namespace muster::edge::renewal
