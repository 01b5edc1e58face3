#include "store/postgres_listener.h"

#include "store/postgres_announcement.h"

namespace muster::store {
namespace {

// So often it is made sure that the connection still is one: a peer that is gone says nothing.
constexpr std::chrono::seconds between_signs{10};
constexpr std::chrono::milliseconds pause_after_failure{200};

Result<> listen(PostgresConnection& connection) {
    return connection.script(fmt::format("LISTEN {}", announcement_channel));
}

Result<> ask_for_a_sign(PostgresConnection& connection) {
    connection.begin("BEGIN READ ONLY");
    const auto answered = connection.execute("SELECT 1", {});
    connection.roll_back();
    if (!answered) return std::unexpected(answered.error());
    return {};
}

// An error when the connection has to be made anew.
Result<> listen_for_a_while(PostgresLink& link, PostgresConnection& connection,
                            const std::function<void(Topic)>& told) {
    if (link.is_new()) {
        MUSTER_CHECK(listen(connection));
        for (const auto topic : all_topics) told(topic);
    }
    const auto sign_due = std::chrono::steady_clock::now() + between_signs;
    while (std::chrono::steady_clock::now() < sign_due)
        MUSTER_CHECK(
            connection.pipe().wait_for_notifications(between_signs, link.context().closing, [&](std::string_view said) {
                const auto& context = link.context();
                if (const auto topic = heard_topic(said, context.hears_itself ? "" : context.tag)) told(*topic);
            }));
    return ask_for_a_sign(connection);
}

}  // namespace

void listen_to_announcements(PostgresLink& link, const std::function<void(Topic)>& told) {
    auto& context = link.context();
    while (auto* connection = link.get()) {
        const auto heard = listen_for_a_while(link, *connection, told);
        if (heard) continue;
        context.note_failure(heard.error());
        link.drop();
        context.closing.sleep(pause_after_failure);
    }
}

}  // namespace muster::store
