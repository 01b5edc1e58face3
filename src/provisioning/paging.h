// Pages of listings: how large, where the next one begins, and the queries that ask for them.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace muster::provisioning {

struct PageRequest {
    std::size_t limit = 100;   // items wanted; cut to max_page
    std::string continuation;  // as the page before gave it; empty for the first
};
inline constexpr std::size_t max_page = 1000;

struct PageOf {
    json::array items;
    std::string continuation;  // empty on the last page
};

inline std::size_t page_size(const PageRequest& page) {
    return std::clamp<std::size_t>(page.limit, 1, max_page);
}

// Where the page before ended; 400004 for what is no token of this service.
Result<std::string> read_continuation(const std::string& token);

// "SELECT * FROM ..." or "*", or no query at all; there is no WHERE in this API (400004).
Result<> check_query(const json::object& body);

// Cuts a list that was read one longer than asked for, and remembers where to go on. `place_of` tells where a record
// is.
template <class Record, class PlaceOf>
std::string cut_page(std::vector<Record>& records, std::size_t limit, PlaceOf place_of) {
    if (records.size() <= limit) return {};
    records.resize(limit);
    return base64_encode(as_bytes(to_lower(place_of(records.back()))));
}

}  // namespace muster::provisioning
