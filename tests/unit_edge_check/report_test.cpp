// The shapes of facts/device.md 7.3.
#include "edge/check/report.h"

#include <gmock/gmock.h>

namespace muster::edge::checks {
namespace {

Found found(Outcome outcome) {
    return {"Configuration checks (aziot-identity-service)", "keyd-running", "keyd is running", std::move(outcome)};
}

TEST(Report, Text) {
    EXPECT_EQ(text_of(found(Outcome::ok()), false), "√ keyd is running - OK\n");
    EXPECT_EQ(text_of(found(Outcome::warning("it is slow", "wait")), false),
              "‼ keyd is running - Warning\n    it is slow\n    to mend it: wait\n");
    EXPECT_EQ(text_of(found(Outcome::error("it is not")), false), "× keyd is running - Error\n    it is not\n");
    EXPECT_EQ(text_of(found(Outcome::ignored("no")), false), "");
    EXPECT_EQ(text_of(found(Outcome::ignored("no")), true), "√ keyd is running - OK\n    no\n");
    EXPECT_EQ(heading("Checks"), "Checks\n------\n");
}

TEST(Report, Totals) {
    std::vector<Found> all;
    all.push_back(found(Outcome::ok()));
    EXPECT_EQ(totals(all, false), "1 check(s) succeeded.\n");
    all.push_back(found(Outcome::warning("w")));
    all.push_back(found(Outcome::error("e")));
    all.push_back(found(Outcome::skipped("s")));
    EXPECT_EQ(totals(all, false),
              "1 check(s) succeeded.\n1 check(s) raised warnings.\n1 check(s) raised errors.\n"
              "1 check(s) were skipped due to errors from other checks. Re-run with --verbose for more details.\n");
}

TEST(Report, Json) {
    const ManualClock clock(parse_utc("2026-11-26T17:00:00Z").value());
    const auto json = to_json({found(Outcome::error("gone", "look"))}, clock);
    const auto& check = json.at("checks").at("keyd-running");
    EXPECT_EQ(check.at("result").at("result").as_string(), "error");
    EXPECT_EQ(check.at("result").at("details"), (json::array{"gone", "to mend it: look"}));
    EXPECT_EQ(json.at("additional_info").at("now").as_string(), "2026-11-26T17:00:00Z");
    EXPECT_EQ(check_line(found(Outcome::ok())).at("kind").as_string(), "check");
}

TEST(Report, WhatCountsAsAFailure) {
    EXPECT_FALSE(is_failure(found(Outcome::ok()), true));
    EXPECT_FALSE(is_failure(found(Outcome::skipped("s")), true));
    EXPECT_FALSE(is_failure(found(Outcome::warning("w")), false));
    EXPECT_TRUE(is_failure(found(Outcome::warning("w")), true));
    EXPECT_TRUE(is_failure(found(Outcome::error("e")), false));
}

TEST(Outcome, TheWorseStaysAndAllIsSaid) {
    auto all = Outcome::ok();
    all.add(Outcome::warning("one"));
    all.add(Outcome::error("two"));
    all.add(Outcome::warning("three"));
    EXPECT_EQ(all.kind, Outcome::Kind::error);
    EXPECT_EQ(all.details, (std::vector<std::string>{"one", "two", "three"}));
    const auto failed = Outcome::failed(Error(Errc::io, "inner").wrap("outer"));
    EXPECT_EQ(failed.details, (std::vector<std::string>{"outer", "caused by: inner"}));
}

TEST(List, HasEveryIdOfTheOriginalThatIsAboutIdentity) {
    std::vector<std::string> ids;
    for (const auto& listed : list()) ids.push_back(listed.id);
    EXPECT_THAT(ids, ::testing::IsSupersetOf(std::vector<std::string>{"keyd-config-well-formed",
                                                                      "certd-config-well-formed",
                                                                      "tpmd-config-well-formed",
                                                                      "identityd-config-well-formed",
                                                                      "configs-up-to-date",
                                                                      "hostname",
                                                                      "aziot-version",
                                                                      "host-local-time",
                                                                      "identity-certificate-expiry",
                                                                      "est-identity-and-bootstrap-certificate-expiry",
                                                                      "local-ca-certificate-expiry",
                                                                      "certs-preloaded",
                                                                      "keyd-running",
                                                                      "certd-running",
                                                                      "tpmd-running",
                                                                      "identityd-running",
                                                                      "certs-read",
                                                                      "key-pairs-read",
                                                                      "est-server-https",
                                                                      "certs-match-private-keys",
                                                                      "host-connect-iothub-amqp",
                                                                      "host-connect-iothub-https",
                                                                      "host-connect-iothub-mqtt",
                                                                      "host-connect-dps-endpoint"}));
}

}  // namespace
}  // namespace muster::edge::checks
