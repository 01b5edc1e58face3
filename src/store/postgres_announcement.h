// How musterds on one database tell each other what has changed: a notification on one channel, "SENDER TOPIC". The
// sender is a driver, by a tag of its own, so that it does not hear itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "store/topic.h"

namespace muster::store {

inline constexpr std::string_view announcement_channel = "muster";

std::string announcement(std::string_view sender, Topic topic);
// Nothing for what `self` has sent, and for a topic of a later version.
std::optional<Topic> heard_topic(std::string_view announcement, std::string_view self);

}  // namespace muster::store
