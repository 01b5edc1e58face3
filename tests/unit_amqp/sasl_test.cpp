// The SASL layer by the byte: the client is written out by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/amqp/connection.h"
#include "wire/amqp/framer.h"

namespace muster::wire::amqp {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using testing::HasSubstr;

// A frame of the SASL layer with one described list of small elements.
std::string sasl_frame(char descriptor, const std::vector<std::string>& elements) {
    std::string fields;
    for (const auto& element : elements) fields += element;
    std::string body = "\0\x53"s + descriptor + '\xc0' + static_cast<char>(fields.size() + 1) +
                       static_cast<char>(elements.size()) + fields;
    const auto size = body.size() + 8;
    return "\0\0"s + static_cast<char>(size >> 8) + static_cast<char>(size) + "\x02\x01\0\0"s + body;
}
std::string symbol(const std::string& text) {
    return '\xa3' + std::string(1, static_cast<char>(text.size())) + text;
}
std::string binary(const std::string& bytes) {
    return '\xa0' + std::string(1, static_cast<char>(bytes.size())) + bytes;
}
std::string init(const std::string& mechanism, const std::string& response) {
    return sasl_frame('\x41', {symbol(mechanism), binary(response)});
}
std::string response(const std::string& bytes) {
    return sasl_frame('\x43', {binary(bytes)});
}
constexpr auto outcome_ok = "\0\x53\x44\xc0\x03\x01\x50\x00"sv;
constexpr auto outcome_refused = "\0\x53\x44\xc0\x03\x01\x50\x01"sv;

class AmqpSasl : public testing::Test {
protected:
    // Gives all to the server, answering what it asks with `answer`; returns what it sends.
    template <class Answer>
    std::string give(const std::string& bytes, Answer answer) {
        std::string_view rest = bytes;
        while (!rest.empty() && server_.take(rest)) {
            while (auto event = server_.next_event()) answer(*event);
        }
        return server_.take_output();
    }
    std::string give(const std::string& bytes) {
        return give(bytes, [](const Event&) {});
    }

    Settings settings_;
    Connection server_ = Connection::server(settings_, "PLAIN ANONYMOUS");
    const std::string header_ = std::string(protocol_header(Protocol::sasl));
};

TEST_F(AmqpSasl, OffersItsMechanismsAndHandsUpWhatCame) {
    EXPECT_THAT(give(header_),
                testing::AllOf(testing::StartsWith(header_), HasSubstr("PLAIN"), HasSubstr("ANONYMOUS")));
    std::string mechanism;
    std::string credential;
    const auto output = give(init("PLAIN", "\0user\0token"s), [&](Event& event) {
        auto& step = std::get<SaslInit>(event);
        mechanism = step.mechanism;
        credential = step.response.text();
        server_.sasl_outcome(SaslOutcome::ok);
    });
    EXPECT_EQ(mechanism, "PLAIN");
    EXPECT_EQ(credential, "\0user\0token"s);
    EXPECT_THAT(output, HasSubstr(std::string(outcome_ok)));
}

TEST_F(AmqpSasl, ARefusalIsAnOutcomeAndTheEnd) {
    std::vector<std::string> conditions;
    const auto output = give(header_ + init("PLAIN", "x"), [&](Event& event) {
        if (std::holds_alternative<SaslInit>(event)) server_.sasl_outcome(SaslOutcome::refused);
    });
    EXPECT_THAT(output, HasSubstr(std::string(outcome_refused)));
    bool over = false;
    while (auto event = server_.next_event()) over = over || std::holds_alternative<Closed>(*event);
    EXPECT_TRUE(over);
}

TEST_F(AmqpSasl, OurTroubleIsNotTheClientsFault) {
    const auto output = give(header_ + init("PLAIN", "x"), [&](Event& event) {
        if (std::holds_alternative<SaslInit>(event)) server_.sasl_outcome(SaslOutcome::trouble);
    });
    EXPECT_THAT(output, HasSubstr("\0\x53\x44\xc0\x03\x01\x50\x04"s));
}

TEST_F(AmqpSasl, GoesOnWithAmqpInTheSameBytes) {
    Connection client = Connection::client(settings_, "host");
    bool opened = false;
    const auto output = give(header_ + init("ANONYMOUS", "") + client.take_output(), [&](Event& event) {
        if (std::holds_alternative<SaslInit>(event)) server_.sasl_outcome(SaslOutcome::ok);
        opened = opened || std::holds_alternative<Opened>(event);
    });
    EXPECT_TRUE(opened);
    EXPECT_THAT(output, HasSubstr(std::string(protocol_header(Protocol::amqp))));
}

TEST_F(AmqpSasl, AsksAndIsAnswered) {
    int steps = 0;
    std::string heard;
    auto output = give(header_ + init("TPM", "\0first"s), [&](Event& event) {
        ASSERT_TRUE(std::holds_alternative<SaslInit>(event));
        server_.sasl_challenge("one");
        ++steps;
    });
    EXPECT_THAT(output, HasSubstr("one"));
    for (const auto* next : {"two", "three"}) {
        output = give(response("more"), [&](Event& event) {
            heard = std::get<SaslResponse>(event).response.text();
            server_.sasl_challenge(next);
            ++steps;
        });
        EXPECT_EQ(heard, "more");
        EXPECT_THAT(output, HasSubstr(next));
    }
    EXPECT_EQ(steps, 3);
    output = give(response("done"), [&](Event&) { server_.sasl_outcome(SaslOutcome::ok); });
    EXPECT_THAT(output, HasSubstr(std::string(outcome_ok)));
}

TEST_F(AmqpSasl, WhoSpeaksOutOfTurnIsRefused) {
    auto output = give(header_ + response("too early"));
    EXPECT_THAT(output, HasSubstr(std::string(outcome_refused)));
}

TEST_F(AmqpSasl, WhoBeginsTwiceIsRefused) {
    const auto output = give(header_ + init("PLAIN", "a") + init("PLAIN", "b"));
    EXPECT_THAT(output, HasSubstr(std::string(outcome_refused)));
}

TEST_F(AmqpSasl, ItsFramesOutsideOfItEndTheConnection) {
    Connection client = Connection::client(settings_, "host");
    const auto bytes = client.take_output() + init("PLAIN", "late");
    std::string_view rest = bytes;
    bool asked = false;
    while (!rest.empty()) {
        if (!server_.take(rest)) break;
        while (auto event = server_.next_event()) asked = asked || std::holds_alternative<SaslInit>(*event);
    }
    EXPECT_FALSE(asked);
    EXPECT_THAT(server_.take_output(), HasSubstr("outside of it"));
}

TEST_F(AmqpSasl, TlsInsideIsNotTakenUp) {
    give(header_ + init("PLAIN", "x"), [&](Event&) { server_.sasl_outcome(SaslOutcome::ok); });
    std::string_view hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv;
    EXPECT_FALSE(server_.take(hello).has_value());
}

}  // namespace
}  // namespace muster::wire::amqp
