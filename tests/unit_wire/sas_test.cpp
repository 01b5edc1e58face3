#include "wire/sas.h"

#include <gtest/gtest.h>

#include "access/policies.h"

namespace muster::wire {
namespace {

const TimePoint now = *parse_utc("2026-11-24T00:00:00Z");

Bytes key(std::string_view text = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=") {
    return *base64_decode(text);
}

TEST(Sas, WhatWeMakeWeAccept) {
    const auto text = make_sas("muster.example/devices/a b", key(), "owner", now + std::chrono::hours(1));
    const auto token = SasToken::parse(text);
    ASSERT_TRUE(token) << token.error().chain();
    EXPECT_EQ(token->resource, "muster.example/devices/a b");
    EXPECT_EQ(token->policy, "owner");
    EXPECT_TRUE(token->signed_by(key()));
    EXPECT_FALSE(token->signed_by(key("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWU=")));
    EXPECT_FALSE(token->expired(now));
    EXPECT_TRUE(token->expired(now + std::chrono::hours(2)));
}

// Computed with: printf 'h\n1800000000' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary | base64
TEST(Sas, ASignatureThatOpensslMade) {
    const auto token =
        SasToken::parse("SharedAccessSignature sig=mxD9dEB6cNHJHIrsW2gG7SrOXI0Nicej6yqr8dCJIZQ%3D&se=1800000000&sr=h");
    ASSERT_TRUE(token);
    EXPECT_TRUE(token->signed_by(key()));
}

// The signature is over `sr` as it was written: each SDK encodes it in its own way.
TEST(Sas, SignsTheResourceAsPresented) {
    const auto plain = SasToken::parse("SharedAccessSignature sr=scope/registrations/Dev&sig=aaaa&se=1");
    const auto encoded = SasToken::parse("SharedAccessSignature sr=scope%2fregistrations%2fDev&sig=aaaa&se=1");
    ASSERT_TRUE(plain && encoded);
    EXPECT_EQ(plain->resource, encoded->resource);
    EXPECT_NE(plain->resource_as_presented, encoded->resource_as_presented);
}

TEST(Sas, RefusesWhatIsNoToken) {
    for (const auto* text : {"", "Bearer x", "SharedAccessSignature", "SharedAccessSignature sr=a&sig=b",
                             "SharedAccessSignature sr=a&se=1", "SharedAccessSignature sig=aaaa&se=1",
                             "SharedAccessSignature sr=a&sig=%zz&se=1", "SharedAccessSignature sr=a&sig=aaaa&se=soon",
                             "SharedAccessSignature sr=a&sig=aaaa&se=-5", "SharedAccessSignature sr=a&sig=*&se=1",
                             "SharedAccessSignature sr=a&sig=aaaa&se=99999999999999999999999"}) {
        EXPECT_FALSE(SasToken::parse(text)) << text;
    }
    EXPECT_FALSE(SasToken::parse("SharedAccessSignature sr=" + std::string(10'000, 'a') + "&sig=aaaa&se=1"));
}

TEST(Sas, AnExpiryOfAnySizeIsCompared) {
    const auto token = SasToken::parse("SharedAccessSignature sr=a&sig=aaaa&se=9223372036854775807");
    ASSERT_TRUE(token);
    EXPECT_FALSE(token->expired(now));
}

TEST(ConnectionString, ReadsItsPartsInAnyOrder) {
    const auto string =
        ConnectionString::parse("SharedAccessKey=MDEyMzQ1Njc4OWFiY2RlZg==;hostname=h:8443;SharedAccessKeyName=p");
    ASSERT_TRUE(string) << string.error().chain();
    EXPECT_EQ(string->host, "h:8443");
    EXPECT_EQ(string->policy, "p");
    EXPECT_EQ(string->key.text(), "0123456789abcdef");
}

TEST(ConnectionString, NamesWhatIsWrongAndNeverTheKey) {
    for (const auto* text :
         {"", "HostName=h", "SharedAccessKey=MDEyMw==", "HostName=h;SharedAccessKey=s3cret!", "nonsense"}) {
        const auto string = ConnectionString::parse(text);
        ASSERT_FALSE(string) << text;
        EXPECT_EQ(string.error().chain().find("s3cret"), std::string::npos);
    }
}

}  // namespace
}  // namespace muster::wire

namespace muster::access {
namespace {

class PoliciesTest : public ::testing::Test {
protected:
    SeededRandom random_{1};
    Policies policies_ = Policies::generate(random_);
    TimePoint now_ = *parse_utc("2026-11-24T00:00:00Z");

    std::string token(std::string_view policy, std::string_view resource, std::chrono::seconds life) const {
        return wire::make_sas(resource, policies_.find(policy)->secondary_key.bytes(), policy, now_ + life);
    }
};

TEST_F(PoliciesTest, SurviveTheirFile) {
    const auto again = Policies::parse(policies_.serialize());
    ASSERT_TRUE(again) << again.error().chain();
    EXPECT_EQ(again->serialize(), policies_.serialize());
    EXPECT_TRUE(again->find("owner")->may(Right::registry_write));
    EXPECT_TRUE(again->find("provisioningreader")->may(Right::enrollment_read));
    EXPECT_FALSE(again->find("provisioningreader")->may(Right::enrollment_write));
}

TEST_F(PoliciesTest, AcceptTheHostWithPortPathAndCase) {
    for (const auto* resource : {"muster.example", "Muster.Example:443", "muster.example/devices/d"}) {
        const auto policy =
            policies_.authenticate(token("service", resource, std::chrono::hours(1)), {"muster.example"}, now_);
        ASSERT_TRUE(policy) << resource << ": " << policy.error().chain();
        EXPECT_EQ((*policy)->name, "service");
    }
}

TEST_F(PoliciesTest, RefuseAllElse) {
    const auto refused = [&](const std::string& header) {
        const auto policy = policies_.authenticate(header, {"muster.example"}, now_);
        return !policy && policy.error().code() == Errc::unauthorized;
    };
    EXPECT_TRUE(refused(""));
    EXPECT_TRUE(refused(token("owner", "other.example", std::chrono::hours(1))));
    EXPECT_TRUE(refused(token("owner", "muster.example", -std::chrono::hours(1))));
    EXPECT_TRUE(refused(wire::make_sas("muster.example", random_.bytes(64), "owner", now_ + std::chrono::hours(1))));
    EXPECT_TRUE(refused(wire::make_sas("muster.example", random_.bytes(64), "nobody", now_ + std::chrono::hours(1))));
}

TEST_F(PoliciesTest, AFileWithMistakesNamesThem) {
    const auto text = [](std::string_view policy) { return fmt::format(R"({{"policies":[{}]}})", policy); };
    const std::string key = base64_encode(Bytes(16));
    const auto error = [&](const std::string& file) {
        const auto parsed = Policies::parse(file);
        return parsed ? std::string() : parsed.error().chain();
    };
    EXPECT_NE(error("[]").find("object"), std::string::npos);
    EXPECT_NE(error(text(R"({"keyName":"a","primaryKey":"!"})")).find("primaryKey"), std::string::npos);
    EXPECT_NE(
        error(text(fmt::format(R"({{"keyName":"a","primaryKey":"{0}","secondaryKey":"{0}","rights":["Fly"]}})", key)))
            .find("Fly"),
        std::string::npos);
    EXPECT_NE(error(text(R"({"keyName":"a","primaryKey":"AAAA"})")).find("bytes"), std::string::npos);
}

}  // namespace
}  // namespace muster::access
