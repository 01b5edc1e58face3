// policy, events, audit and registration test against a service from a script.
#include <gmock/gmock.h>

#include "base/text.h"
#include "fixture.h"
#include "muster/journal_view.h"
#include "muster/output.h"
#include "wire/sas.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Policy, CreateAsksForNewKeysAndShowsTheConnectionString) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"keyName":"help","rights":["EnrollmentRead"],"primaryKey":"cHJpbWFyeQ==",)"
                                R"("secondaryKey":"c2Vjb25k"})");
    });
    const auto ran = service.run({"policy", "create", "help", "--rights", "enrollmentread,RegistryRead"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out,
                HasSubstr(fmt::format("HostName=localhost:{};SharedAccessKeyName=help;SharedAccessKey=cHJpbWFyeQ==",
                                      service.port())));
    const auto put = service.requests().at(0);
    EXPECT_EQ(put.method, "PUT");
    EXPECT_EQ(put.headers.get("If-None-Match"), "*");
    EXPECT_EQ(put.body, R"({"rights":["EnrollmentRead","RegistryRead"]})");
    EXPECT_THAT(service.run({"policy", "create", "help", "--rights", "EnrollmentReed"}).err,
                HasSubstr("did you mean 'EnrollmentRead'?"));
    EXPECT_EQ(service.run({"policy", "create", "help"}).code, 2);
}

TEST(Policy, AnUpdateDoesNotShowTheKeys) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"keyName":"help","rights":[],"primaryKey":"cHJpbWFyeQ==","secondaryKey":"eA=="})");
    });
    const auto ran = service.run({"policy", "update", "help", "--rights", "RegistryRead", "-o", "json"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, Not(HasSubstr("cHJpbWFyeQ==")));
    EXPECT_EQ(service.requests().at(0).headers.get("If-Match"), "*");
    ASSERT_EQ(service.run({"policy", "regenerate-key", "help", "--key", "Secondary"}).code, 0);
    const auto rolled = service.requests().at(1);
    EXPECT_THAT(rolled.target, HasSubstr("/muster/policies/help/regenerateKey?"));
    EXPECT_EQ(rolled.body, R"({"key":"secondary"})");
}

TEST(EventsCommand, ReadsPageAfterPage) {
    const ScriptedService service([](const net::HttpRequest& request) {
        const auto after = request.parameter("after");
        if (!after)
            return json_answer(200, R"({"events":[{"id":"5","timeUtc":"2026-11-24T06:00:00.0000000Z",)"
                                    R"("type":"registration.failed","subject":"dev-1","detail":{"errorCode":400207}}],)"
                                    R"("next":"7","more":true,"gap":true})");
        EXPECT_EQ(*after, "7");
        return json_answer(200, R"({"events":[{"id":"8","timeUtc":"2026-11-24T06:00:01.0000000Z",)"
                                R"("type":"policy.created","subject":"help","actor":"owner"}],)"
                                R"("next":"8","more":false,"gap":false})");
    });
    const auto ran = service.run({"events", "--since", "2h", "--type", "registration,policy"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("registration.failed  dev-1"));
    EXPECT_THAT(ran.out, HasSubstr("errorCode=400207"));
    EXPECT_THAT(ran.out, HasSubstr("policy.created       help     owner"));
    EXPECT_THAT(ran.err, HasSubstr("have been removed"));
    const auto first = service.requests().at(0);
    EXPECT_EQ(first.parameter("since"), "2026-11-24T05:00:00Z");
    EXPECT_EQ(first.parameter("types"), "registration,policy");
    EXPECT_EQ(first.parameter("wait"), std::nullopt);
    const auto lines = parse_json(service.run({"events", "-o", "json"}).out);
    ASSERT_TRUE(lines && lines->is_array());
    EXPECT_EQ(lines->as_array().size(), 2u);
    EXPECT_EQ(service.run({"events", "--since", "1h", "--after", "3"}).code, 2);
}

TEST(AuditCommand, ShowsTheNewestAndSaysThatThereAreMore) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"changes":[{"id":"9","timeUtc":"2026-11-24T06:00:00.0000000Z","actor":"owner",)"
                                R"("type":"enrollment.updated","subject":"dev-1","peer":"192.0.2.1:5","detail":)"
                                R"({"etagBefore":"\"a\"","changed":["capabilities","deviceId"]}}],"next":"9"})");
    });
    const auto ran = service.run({"audit", "--top", "1", "--by", "owner", "--subject", "dev-1"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("owner  enrollment.updated  dev-1    192.0.2.1:5  changed=capabilities,deviceId"));
    EXPECT_THAT(ran.err, HasSubstr("there are more"));
    const auto request = service.requests().at(0);
    EXPECT_EQ(request.parameter("limit"), "1");
    EXPECT_EQ(request.parameter("actor"), "owner");
    EXPECT_EQ(request.parameter("subject"), "dev-1");
}

TEST(RegistrationTest, SendsTheChainAndExitsByTheOutcome) {
    const TemporaryDirectory directory;
    const auto leaf = directory.write("dev.pem", TestCertificates::get().device_pem);
    const auto chain = directory.write("ca.pem", TestCertificates::get().ca_pem);
    const auto key = directory.write("dev.key", TestCertificates::get().device_key_pem);
    std::string outcome = "registered";
    const ScriptedService service([&](const net::HttpRequest&) {
        return json_answer(200,
                           fmt::format(R"({{"registrationId":"dev-1","outcome":"{}","enrollment":{{"kind":"group",)"
                                       R"("id":"plant"}},"checks":[{{"check":"credential","outcome":"failed",)"
                                       R"("detail":"it has expired","hint":"renew it"}}]}})",
                                       outcome));
    });
    EXPECT_EQ(service.run({"registration", "test", leaf, "--chain", chain}).code, 0);
    const auto body = parse_json_object(service.requests().at(0).body).value();
    EXPECT_EQ(text_at(body, "certificateChain"), TestCertificates::get().device_pem + TestCertificates::get().ca_pem);
    outcome = "refused";
    const auto refused = service.run({"registration", "test", leaf});
    EXPECT_EQ(refused.code, 1);
    EXPECT_THAT(refused.out, HasSubstr("would be refused"));
    EXPECT_THAT(refused.out, HasSubstr("group 'plant'"));
    EXPECT_THAT(refused.out, HasSubstr("it has expired (renew it)"));
    EXPECT_THAT(service.run({"registration", "test", key}).err, HasSubstr("holds a private key"));
    EXPECT_EQ(service.run({"registration", "test"}).code, 2);
    EXPECT_EQ(service.run({"registration", "test", "--key", "@x"}).code, 2) << "which device?";
}

TEST(RegistrationTest, AKeySignsHereAndIsNotSent) {
    const TemporaryDirectory directory;
    const auto key = directory.write("key", "YSBrZXkgb2YgMTYgYnl0ZXMh\n");
    const ScriptedService service([&](const net::HttpRequest& request) {
        return json_answer(200, request.method == "GET" ? R"({"idScope":"0ne1"})" : R"({"outcome":"registered"})");
    });
    EXPECT_EQ(service.run({"registration", "test", "--id", "dev-1", "--key", "@" + key}).code, 0);
    const auto post = service.requests().at(1);
    EXPECT_THAT(post.body, Not(HasSubstr("YSBrZXkgb2Yg")));
    const auto token = wire::SasToken::parse(text_at(parse_json_object(post.body).value(), "authorization"));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->resource, "0ne1/registrations/dev-1");
    EXPECT_TRUE(token->signed_by(as_bytes("a key of 16 bytes!")));
}

TEST(EventsCommand, WhatIsNoPlaceIsWrongUsage) {
    const auto refused = [](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "events");
        const auto ran = run_command(arguments);
        EXPECT_EQ(ran.code, 2) << ran.err;
        return ran.err;
    };
    EXPECT_THAT(refused({"--after", "abc"}), HasSubstr("--after: 'abc' is no id of an event"));
    EXPECT_THAT(refused({"--after", "-1"}), HasSubstr("--after"));
    EXPECT_THAT(refused({"--since", "yesterday"}), HasSubstr("--since: 'yesterday' is no moment. Write 2026-"));
}

TEST(Moments, AreReadAsPeopleWriteThem) {
    EXPECT_EQ(utc_of_moment("15m", test_now()).value(), "2026-11-24T06:45:00Z");
    EXPECT_EQ(utc_of_moment("2d", test_now()).value(), "2026-11-22T07:00:00Z");
    EXPECT_EQ(utc_of_moment("2026-11-01", test_now()).value(), "2026-11-01T00:00:00Z");
    EXPECT_EQ(utc_of_moment("2026-11-01T10:00:00+02:00", test_now()).value(), "2026-11-01T08:00:00Z");
    EXPECT_FALSE(utc_of_moment("yesterday", test_now()));
    EXPECT_FALSE(utc_of_moment("-5m", test_now()));
}

}  // namespace
}  // namespace muster::cli
