// What one check of `iotedge check` found (facts/device.md 7.3).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace muster::edge::checks {

struct Outcome {
    enum class Kind {
        ok,
        warning,
        ignored,  // does not apply to this device, or was not asked for
        skipped,  // cannot be told, because of what another check found
        fatal,    // an error after which most others say nothing new
        error,
    };
    Kind kind = Kind::ok;
    std::vector<std::string> details = {};  // sentences: what is so, what mends it
    json::object more = {};                 // additional_info of the JSON

    static Outcome ok(std::string detail = {}) { return of(Kind::ok, std::move(detail)); }
    static Outcome ignored(std::string why) { return of(Kind::ignored, std::move(why)); }
    static Outcome skipped(std::string why) { return of(Kind::skipped, std::move(why)); }
    static Outcome warning(std::string what, std::string hint = {}) {
        return of(Kind::warning, std::move(what), std::move(hint));
    }
    static Outcome error(std::string what, std::string hint = {}) {
        return of(Kind::error, std::move(what), std::move(hint));
    }
    // The error, its causes, and what mends it.
    static Outcome failed(const Error& error, Kind kind = Kind::error);

    // Adds what another part of the same check found; the worse of the two kinds stays.
    void add(Outcome other);

private:
    static Outcome of(Kind kind, std::string detail, std::string hint = {});
};

}  // namespace muster::edge::checks
