#include "store/postgres_announcement.h"

#include "base/text.h"

namespace muster::store {
namespace {

std::string_view to_string(Topic topic) {
    switch (topic) {
        case Topic::groups: return "groups";
        case Topic::hubs: return "hubs";
        case Topic::revocations: return "revocations";
        case Topic::shared_files: return "shared_files";
        case Topic::journal: return "journal";
        case Topic::outbox: return "outbox";
        case Topic::schema: return "schema";
    }
    return "";
}

}  // namespace

std::string announcement(std::string_view sender, Topic topic) {
    return fmt::format("{} {}", sender, to_string(topic));
}

std::optional<Topic> heard_topic(std::string_view announcement, std::string_view self) {
    const auto words = split(announcement, ' ');
    if (words.size() != 2 || words[0] == self) return std::nullopt;
    for (const auto topic : all_topics)
        if (words[1] == to_string(topic)) return topic;
    return std::nullopt;
}

}  // namespace muster::store
