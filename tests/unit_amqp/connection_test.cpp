// Two ends of one connection, in memory.
#include "wire/amqp/connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "wire/amqp/framer.h"

namespace muster::wire::amqp {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::IsEmpty;

class AmqpConnection : public testing::Test {
protected:
    // Bytes go over until both sides are silent; what happened is kept.
    void exchange() {
        for (bool moved = true; moved;) {
            moved = deliver(client_, server_, at_server_);
            moved = deliver(server_, client_, at_client_) || moved;
        }
    }

    template <class Wanted>
    std::vector<Wanted> all(std::vector<Event>& events) {
        std::vector<Wanted> found;
        for (auto& event : events)
            if (auto* match = std::get_if<Wanted>(&event)) found.push_back(std::move(*match));
        events.clear();
        return found;
    }
    template <class Wanted>
    Wanted one(std::vector<Event>& events) {
        auto found = all<Wanted>(events);
        EXPECT_EQ(found.size(), 1U);
        return found.empty() ? Wanted{} : std::move(found.front());
    }

    // A link that the client sends on, ours to read from.
    LinkId open_line(bool accepted = true) {
        const auto link = client_.attach(false, "somewhere", {});
        exchange();
        const auto attached = one<Attached>(at_server_);
        EXPECT_EQ(attached.address, "somewhere");
        EXPECT_TRUE(attached.incoming);
        if (accepted) server_.accept(attached.link);
        exchange();
        return link;
    }

    Settings settings_{.message_bytes = 1000, .links = 3, .credit = 2};
    Connection client_ = Connection::client(settings_, "host");
    Connection server_ = Connection::server(settings_, "PLAIN");
    std::vector<Event> at_server_;
    std::vector<Event> at_client_;
    bool settle_ = true;

private:
    bool deliver(Connection& from, Connection& to, std::vector<Event>& events) {
        const auto bytes = from.take_output();
        std::string_view rest = bytes;
        while (!rest.empty() && to.take(rest)) drain(to, events);
        drain(to, events);
        return !bytes.empty();
    }
    void drain(Connection& end, std::vector<Event>& events) {
        while (auto event = end.next_event()) {
            if (const auto* received = std::get_if<Received>(&*event); received != nullptr && settle_) {
                if (received->message && received->message->body == "bad") {
                    Condition refusal{condition::unauthorized, "{\"errorCode\":401002}", {}};
                    refusal.info.set("retry-after", std::int32_t{3});
                    end.reject(*received, refusal);
                } else {
                    end.accept(*received);
                }
            }
            events.push_back(std::move(*event));
        }
    }
};

TEST_F(AmqpConnection, OpensWithoutSasl) {
    exchange();
    const auto opened = one<Opened>(at_server_);
    EXPECT_EQ(opened.container, "muster");
    EXPECT_EQ(opened.host, "host");
    one<Opened>(at_client_);
}

TEST_F(AmqpConnection, CarriesPropertiesOfALink) {
    Map properties;
    properties.set("com.microsoft:api-version", "2019-03-31"s);
    client_.attach(true, "scope/registrations/id", properties);
    exchange();
    const auto attached = one<Attached>(at_server_);
    EXPECT_FALSE(attached.incoming);
    EXPECT_EQ(attached.address, "scope/registrations/id");
    EXPECT_EQ(attached.properties, properties);
    server_.accept(attached.link);
    exchange();
    EXPECT_EQ(one<Attached>(at_client_).address, "scope/registrations/id");
}

TEST_F(AmqpConnection, CarriesMessagesAndTheirOutcome) {
    const auto link = open_line();
    Message good;
    good.body = "good";
    Message bad;
    bad.body = "bad";
    // More than the credit of 2 in all: it is given again with each message that is settled.
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client_.send(link, good, false));
        exchange();
        EXPECT_EQ(one<Received>(at_server_).message.value().body, "good");
        EXPECT_TRUE(one<Outcome>(at_client_).accepted);
    }
    ASSERT_TRUE(client_.send(link, bad, false));
    exchange();
    const auto outcome = one<Outcome>(at_client_);
    EXPECT_FALSE(outcome.accepted);
    EXPECT_EQ(outcome.condition.name, "amqp:unauthorized-access");
    EXPECT_EQ(outcome.condition.description, "{\"errorCode\":401002}");
    EXPECT_EQ(std::get<std::int64_t>(*outcome.condition.info.find("retry-after")), 3);
}

TEST_F(AmqpConnection, AnswersGoTheOtherWay) {
    const auto link = client_.attach(true, "a", {});
    exchange();
    const auto attached = one<Attached>(at_server_);
    server_.accept(attached.link);
    Message answer;
    answer.correlation_id = "1"s;
    answer.body = "{}";
    ASSERT_TRUE(server_.send(attached.link, answer, true));
    exchange();
    const auto received = all<Received>(at_client_);
    ASSERT_EQ(received.size(), 1U);
    EXPECT_EQ(received[0].link, link);
    EXPECT_EQ(received[0].message.value(), answer);
    EXPECT_THAT(all<Outcome>(at_server_), IsEmpty());
}

TEST_F(AmqpConnection, WhatThePeerDoesNotTakeIsBounded) {
    settings_.credit = 0;
    client_.attach(true, "a", {});
    exchange();
    const auto link = one<Attached>(at_server_).link;
    server_.accept(link);
    int sent = 0;
    while (server_.has_room(link)) {
        ASSERT_TRUE(server_.send(link, {}, true));
        ASSERT_LT(++sent, 10);
    }
    EXPECT_EQ(sent, 4);
    EXPECT_EQ(server_.send(link, {}, true).error().code(), Errc::throttled);
}

TEST_F(AmqpConnection, ARefusedLinkSaysWhy) {
    client_.attach(false, "nowhere", {});
    exchange();
    server_.refuse(one<Attached>(at_server_).link, {condition::not_found, "there is nothing", {}});
    exchange();
    const auto detached = one<Detached>(at_client_);
    EXPECT_EQ(detached.condition.name, "amqp:not-found");
    EXPECT_EQ(detached.condition.description, "there is nothing");
    EXPECT_THAT(all<Detached>(at_server_), IsEmpty());
}

TEST_F(AmqpConnection, AMessageThatIsTooLargeCostsItsLink) {
    const auto link = open_line();
    Message large;
    large.body.assign(1001, 'x');
    ASSERT_TRUE(client_.send(link, large, false));
    exchange();
    EXPECT_EQ(one<Detached>(at_client_).condition.name, "amqp:link:message-size-exceeded");
    auto gone = all<Detached>(at_server_);
    ASSERT_EQ(gone.size(), 1U);
    EXPECT_EQ(gone[0].condition.name, "amqp:link:message-size-exceeded");
    EXPECT_EQ(server_.held(), 0U);
}

TEST_F(AmqpConnection, LinksAreCounted) {
    for (int i = 0; i < 4; ++i) client_.attach(false, "somewhere", {});
    exchange();
    EXPECT_EQ(all<Attached>(at_server_).size(), 3U);
    EXPECT_EQ(one<Detached>(at_client_).condition.name, "amqp:resource-limit-exceeded");
}

TEST_F(AmqpConnection, LinksThatAreHeapedUpEndTheConnection) {
    for (int i = 0; i < 20; ++i) client_.attach(false, "somewhere", {});
    exchange();
    EXPECT_EQ(one<Closed>(at_server_).condition.name, "amqp:resource-limit-exceeded");
    EXPECT_EQ(one<Closed>(at_client_).condition.name, "amqp:resource-limit-exceeded");
}

TEST_F(AmqpConnection, ClosesInGoodOrder) {
    open_line();
    client_.close();
    exchange();
    EXPECT_EQ(one<Closed>(at_server_).condition.name, "");
    EXPECT_EQ(one<Closed>(at_client_).condition.name, "");
}

TEST_F(AmqpConnection, TellsAForeignerWhatIsSpokenHere) {
    std::string_view bytes = "GET / HTTP/1.1\r\n\r\n";
    EXPECT_FALSE(server_.take(bytes).has_value());
    EXPECT_THAT(server_.take_output(), testing::StartsWith(std::string(protocol_header(Protocol::amqp))));
}

TEST_F(AmqpConnection, AFrameBeyondTheLimitIsAnsweredByClose) {
    exchange();
    at_client_.clear();
    std::string_view bytes = "\x7f\xff\xff\xff\x02\x00\x00\x00"sv;
    EXPECT_EQ(server_.take(bytes).error().code(), Errc::too_large);
    exchange();
    EXPECT_EQ(one<Closed>(at_client_).condition.name, "amqp:connection:framing-error");
}

// A transfer on a handle that nobody attached.
TEST_F(AmqpConnection, NonsenseInAFrameIsAnsweredByClose) {
    exchange();
    at_client_.clear();
    at_server_.clear();
    std::string_view bytes = "\0\0\0\x12\x02\0\0\0\0\x53\x14\xc0\x05\x02\x43\x43\xa0\x00"sv;
    ASSERT_TRUE(server_.take(bytes));
    exchange();
    EXPECT_NE(one<Closed>(at_server_).condition.name, "");
    EXPECT_NE(one<Closed>(at_client_).condition.name, "");
}

// A transfer with more to come and no delivery-id, on the handle of the link.
TEST_F(AmqpConnection, AMessageThatBeginsWithoutItsNumberIsAnsweredByClose) {
    open_line();
    std::string_view bytes = "\0\0\0\x14\x02\0\0\0\0\x53\x14\xc0\x07\x06\x43\x40\x40\x40\x40\x41"sv;
    EXPECT_EQ(server_.take(bytes).error().message(), "a message begins without a delivery-id");
    exchange();
    EXPECT_EQ(one<Closed>(at_client_).condition.name, "amqp:connection:framing-error");
}

TEST_F(AmqpConnection, KeepsAliveWhatThePeerWantsAlive) {
    settings_.idle = std::chrono::milliseconds(10'000);
    Connection client = Connection::client(settings_, "host");
    Connection server = Connection::server(settings_, "PLAIN");
    const auto hello = client.take_output();
    std::string_view bytes = hello;
    while (!bytes.empty()) {
        ASSERT_TRUE(server.take(bytes));
        while (server.next_event()) {
        }
    }
    const auto now = std::chrono::steady_clock::now();
    (void)server.tick(now);
    server.take_output();
    const auto next = server.tick(now);
    ASSERT_TRUE(next.has_value());
    EXPECT_LE(*next, now + std::chrono::seconds(10));
    EXPECT_EQ(server.take_output(), "");
    (void)server.tick(*next);
    EXPECT_EQ(server.take_output(), "\0\0\0\x08\x02\0\0\0"s);
}

}  // namespace
}  // namespace muster::wire::amqp
