// The links themselves, and the service's own allocation policy.
#include "hubs_fixture.h"

namespace muster::provisioning {
namespace {

TEST_F(HubsTest, ALinkIsShownWithoutItsKeyAndChangedWithoutGivingItAgain) {
    link("b.example", object(R"({"allocationWeight":7,"location":"Bergen"})"));
    auto shown = run(linked_.get("B.EXAMPLE"));
    ASSERT_TRUE(shown);
    EXPECT_EQ(text_at(*shown, "/connectionString"),
              "HostName=b.example;SharedAccessKeyName=iothubowner;SharedAccessKey=****");
    EXPECT_EQ(text_at(*shown, "/address"), "b.example:443");
    EXPECT_EQ(text_at(*shown, "/allocationWeight"), "7");
    auto changed = *shown;
    changed["allocationWeight"] = 9;
    const auto etag = text_at(*shown, "/etag");
    ASSERT_TRUE(run(linked_.put("b.example", changed, etag, true)));
    EXPECT_EQ(number(run(linked_.put("b.example", changed, etag, true))), code::precondition_failed);
    shown = run(linked_.get("b.example"));
    EXPECT_EQ(text_at(*shown, "/allocationWeight"), "9");
    EXPECT_EQ(text_at(*shown, "/location"), "Bergen");
    EXPECT_EQ(linked_.current()->find("b.example")->access->key.size(), 32u);
    // The audit trail has what was changed, and not to what.
    const auto trail = run(store_->read([](store::Tx& tx) { return tx.journal().changes_before(1'000, 1); })).value();
    ASSERT_EQ(trail.size(), 1u);
    EXPECT_EQ(trail.front().type, "hub.updated");
    EXPECT_EQ(text_at(object(trail.front().detail), "/changed"), R"(["allocationWeight"])");
}

TEST_F(HubsTest, ALinkThatCannotWorkIsRefused) {
    const auto put = [&](std::string name, std::string_view body, bool untried = true) {
        return run(linked_.put(std::move(name), object(body), std::nullopt, untried));
    };
    struct Case {
        std::string name;
        std::string_view body;
        std::string_view mentions;
    };
    const std::string_view good =
        R"({"connectionString":"HostName=b.example;SharedAccessKeyName=p;SharedAccessKey=AAAA"})";
    for (const auto& [name, body, mentions] :
         {Case{"b.example", "{}", "connectionString"}, Case{"c.example", good, "c.example"},
          Case{"b.example", R"({"connectionString":"HostName=b.example"})", "SharedAccessKey"},
          Case{"b.example", R"({"connectionString":"HostName=b.example;DeviceId=d;SharedAccessKey=AAAA"})", "device"},
          Case{own, R"({"connectionString":"HostName=hub.example;SharedAccessKeyName=p;SharedAccessKey=AAAA"})",
               "own hub"},
          Case{own, R"({"address":"hub.example:443"})", "needs no \"address\""},
          Case{own, R"({"allocationWeight":0})", "1 to 1000"}, Case{own, R"({"allocationWeight":1001})", "1 to 1000"},
          Case{own, R"({"latencies":[{"network":"x","milliseconds":1}]})", "network"},
          Case{own, R"({"latencies":[{"network":"*"}]})", "milliseconds"},
          Case{own, R"({"caCertificate":"some"})", "needs no \"caCertificate\""}, Case{"a/b", good, "host name"}}) {
        const auto refused = put(name, body);
        EXPECT_EQ(number(refused), code::invalid_body) << body;
        EXPECT_NE(why(refused).find(mentions), std::string::npos) << why(refused);
        EXPECT_EQ(why(refused).find("AAAA"), std::string::npos) << why(refused);
    }
    outside_.with("b.example", [](auto& hub) { hub.down = Error(Errc::forbidden, "status 401"); });
    EXPECT_NE(why(put("b.example", good, false)).find("status 401"), std::string::npos);
    outside_.with("b.example", [](auto& hub) {
        hub.down.reset();
        hub.forbids = Error(Errc::forbidden, "status 401: the access policy 'p' lacks the right RegistryWrite");
    });
    const auto reads_only = put("b.example", good, false);
    EXPECT_NE(why(reads_only).find("lacks the right RegistryWrite"), std::string::npos) << why(reads_only);
    EXPECT_NE(reads_only.error().hint().find("iothubowner"), std::string::npos);
    EXPECT_EQ(run(linked_.list())->size(), 1u);
    EXPECT_TRUE(put("b.example", good, true));
    EXPECT_EQ(number(run(linked_.remove(own, std::nullopt))), code::conflict);
    EXPECT_EQ(number(run(linked_.remove("c.example", std::nullopt))), code::not_found);
}

TEST_F(HubsTest, TheServicesPolicyIsForEnrollmentsThatNameNone) {
    link("b.example");
    EXPECT_EQ(number(run(linked_.put_default_policy(object(R"({"allocationPolicy":"custom"})")))), code::invalid_body);
    ASSERT_TRUE(run(linked_.put_default_policy(object(R"({"allocationPolicy":"static"})"))));
    ASSERT_TRUE(group({}));
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/allocationPolicy"), "static");
    EXPECT_EQ(text_at(registered(), "/errorCode"), std::to_string(code::no_hub));
    ASSERT_TRUE(group(at("b.example")));
    EXPECT_EQ(text_at(registered(), "/assignedHub"), "b.example");
    ASSERT_TRUE(group(object(R"({"iotHubHostName":"b.example"})")));
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/allocationPolicy"), "static");
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::group, "plant")), "/iotHubHostName"), "b.example");
}

TEST_F(HubsTest, WhatWasShownAndComesBackIsNoPolicyOfOnesOwn) {
    const auto shown = [&] {
        auto got = run(enrollments_.get(EnrollmentKind::group, "plant"));
        EXPECT_TRUE(got);
        return std::move(*got);
    };
    const auto comes_back = [&](json::object rest) { return put(EnrollmentKind::group, "plant", std::move(rest)); };
    const auto service = [&](std::string_view policy) {
        return run(linked_.put_default_policy({{"allocationPolicy", policy}}));
    };
    link("b.example");
    ASSERT_TRUE(group({}));
    ASSERT_TRUE(comes_back(shown()));
    ASSERT_TRUE(service("static"));
    EXPECT_EQ(text_at(shown(), "/allocationPolicy"), "static");
    ASSERT_TRUE(comes_back(shown()));
    ASSERT_TRUE(service("geoLatency"));
    EXPECT_EQ(text_at(shown(), "/allocationPolicy"), "geoLatency");
    // Another than the service's is one's own, and stays.
    auto changed = shown();
    changed["allocationPolicy"] = "hashed";
    ASSERT_TRUE(comes_back(changed));
    ASSERT_TRUE(service("hashed"));
    ASSERT_TRUE(comes_back(shown()));
    ASSERT_TRUE(service("geoLatency"));
    EXPECT_EQ(text_at(shown(), "/allocationPolicy"), "hashed");
}

}  // namespace
}  // namespace muster::provisioning
