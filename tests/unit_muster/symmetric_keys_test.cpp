#include "muster/symmetric_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fixture.h"
#include "muster/output.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// The example of the Azure documents.
constexpr const char* group_key =
    "8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==";
constexpr const char* device = "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6";
constexpr const char* device_key = "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=";

net::HttpResponse keys_or_group(const net::HttpRequest& request) {
    if (request.target.contains("attestationmechanism")) {
        return json_answer(200, fmt::format(R"({{"type":"symmetricKey","symmetricKey":{{"primaryKey":"{0}",)"
                                            R"("secondaryKey":"{0}"}}}})",
                                            group_key));
    }
    return json_answer(200, R"({"enrollmentGroupId":"g","attestation":{"type":"symmetricKey","symmetricKey":{}}})");
}

TEST(SymmetricKeys, ADeviceOfAGroupHasAKeyOfItsOwn) {
    EXPECT_EQ(derive_device_key(group_key, device)->text(), device_key);
    const ScriptedService service(keys_or_group);
    const auto ran = service.run({"enrollment-group", "compute-device-key", "g", "--registration-id", device});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, std::string(device_key) + "\n");
    EXPECT_EQ(service.requests().at(0).method, "POST");
    EXPECT_EQ(service.requests().at(0).target, "/enrollmentGroups/g/attestationmechanism?api-version=2021-10-01");
}

TEST(SymmetricKeys, AreShownOnlyWhenAskedFor) {
    const ScriptedService service(keys_or_group);
    const auto without = service.run({"enrollment-group", "show", "g"});
    EXPECT_THAT(without.out, HasSubstr("--show-keys"));
    EXPECT_THAT(without.out, Not(HasSubstr(group_key)));
    EXPECT_EQ(service.requests().size(), 1u);
    EXPECT_THAT(service.run({"enrollment-group", "show", "g", "--show-keys"}).out, HasSubstr(group_key));
    EXPECT_THAT(service.run({"enrollment-group", "show", "g", "--keys", "-o", "json"}).out, HasSubstr(group_key));
}

TEST(SymmetricKeys, AnX509GroupHasNone) {
    const ScriptedService service([](const net::HttpRequest&) { return json_answer(200, R"({"type":"x509"})"); });
    const auto ran = service.run({"enrollment-group", "compute-device-key", "g", "--rid", "d"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("has no symmetric keys"));
}

TEST(SymmetricKeys, CreationsLeaveTheKeysToTheServiceOrReadThemFromFiles) {
    const TemporaryDirectory directory;
    const auto file = directory.write("key", std::string(device_key) + "\n");
    const ScriptedService service([](const net::HttpRequest& request) {
        return request.method == "GET" ? json_answer(404, "{}") : json_answer(200, request.body);
    });
    EXPECT_EQ(service.run({"enrollment", "create", "d", "--attestation-type", "symmetrickey"}).code, 0);
    EXPECT_EQ(service.run({"enrollment", "create", "d", "--primary-key", "@" + file}).code, 0);
    const auto made = parse_json_object(service.requests().at(1).body).value();
    EXPECT_EQ(json::serialize(made.at("attestation")), R"({"type":"symmetricKey","symmetricKey":{}})");
    const auto given = parse_json_object(service.requests().at(3).body).value();
    EXPECT_EQ(text_at(given, "attestation.symmetricKey.primaryKey"), device_key);
}

TEST(SymmetricKeys, WrongOnesAreRefusedBeforeAnythingIsSent) {
    const TemporaryDirectory directory;
    EXPECT_FALSE(read_key("@" + directory.write("short", "eA==")));
    EXPECT_FALSE(read_key("@" + directory.write("text", "this is not base64")));
    EXPECT_FALSE(read_key("@/nowhere"));
    const auto in_line = run_command({"enrollment", "create", "d", "--primary-key", device_key});
    EXPECT_EQ(in_line.code, 2);
    EXPECT_THAT(in_line.err, HasSubstr("give @FILE"));
    EXPECT_THAT(in_line.err, Not(HasSubstr(device_key)));
    const auto both = run_command({"enrollment", "create", "d", "--cp", "x.pem", "--at", "symmetricKey"});
    EXPECT_EQ(both.code, 2);
    EXPECT_THAT(both.err, HasSubstr("do not go together"));
}

}  // namespace
}  // namespace muster::cli
