// How revocation lists of groups are shown.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json.h"

namespace muster::cli {

// "no", or what it means that the list has ended.
std::string crl_ended(const json::object& list);
// "upload", or the URL and how fetching goes.
std::string crl_origin(const json::object& list, TimePoint now);
// One line for the sheet of a group.
std::string crl_summary(const json::object& list, TimePoint now);

}  // namespace muster::cli
