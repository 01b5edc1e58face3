// `muster authority` and `muster crl`: what they ask for, and what they print.
#include <gmock/gmock.h>

#include "base/bytes.h"
#include "base/json.h"
#include "fixture.h"
#include "pki/crl.h"
#include "pki/issue.h"

namespace muster::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* version = "api-version=2026-11-01";

TEST(AuthorityCommand, SaysHowToSwitchItOn) {
    const ScriptedService service([](const net::HttpRequest&) { return json_answer(200, R"({"enabled":false})"); });
    const auto ran = service.run({"authority", "show"});
    EXPECT_EQ(ran.code, 0);
    EXPECT_THAT(ran.out, HasSubstr("muster authority create"));
    EXPECT_EQ(service.run({"authority", "show", "--chain"}).code, 1);
}

TEST(AuthorityCommand, CreatesWithWhatIsGiven) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"enabled":true,"rootKeyIsHere":true,"certificateDays":90,)"
                                R"("issuing":{"subject":"CN=Plant issuing CA","notAfterUtc":"2031-11-25T00:00:00Z"}})");
    });
    const auto ran = service.run({"authority", "create", "--name", "Plant", "--key-type", "EC:P384", "--replace"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("Issuing CA  CN=Plant issuing CA, until 2031-11-25"));
    const auto request = service.requests().at(0);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.target, std::string("/muster/authority/create?") + version);
    EXPECT_EQ(
        parse_json_object(request.body).value(),
        parse_json_object(
            R"({"keySpec":"ec:p384","rootDays":7300,"issuingDays":1825,"replace":true,"newRoot":false,"name":"Plant"})")
            .value());
}

TEST(AuthorityCommand, InstallsAChainAndNeverPrintsTheKey) {
    const TemporaryDirectory directory;
    const auto chain = directory.write("chain.pem", TestCertificates::get().ca_pem);
    const auto key = directory.write("key.pem", "the key");
    const ScriptedService service(
        [](const net::HttpRequest&) { return json_answer(400, R"({"errorCode":400004,"message":"no good"})"); });
    const auto ran = service.run({"authority", "install", "--certificate-path", chain, "--key-path", key});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.out + ran.err, Not(HasSubstr("the key\n")));
    const auto body = parse_json_object(service.requests().at(0).body).value();
    EXPECT_EQ(body.at("chain").as_string(), TestCertificates::get().ca_pem);
    EXPECT_EQ(body.at("key"), "the key");
}

TEST(AuthorityCommand, PrintsAPasswordAloneOnStandardOutput) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"registrationId":"press-1","enrollmentGroupId":"plant","password":"secret",)"
                                R"("expiresUtc":"2026-12-01T00:00:00.0000000Z"})");
    });
    const auto ran = service.run({"authority", "one-time-password", "press-1", "--group", "plant", "--valid", "7d"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out, "secret\n");
    EXPECT_THAT(ran.err, HasSubstr("https://localhost/.well-known/est/plant"));
    const auto request = service.requests().at(0);
    EXPECT_EQ(request.method, "PUT");
    EXPECT_EQ(request.target, std::string("/muster/authority/oneTimePasswords/press-1?") + version);
    EXPECT_EQ(parse_json_object(request.body).value().at("lifeSeconds"), 7 * 86'400);
    EXPECT_EQ(service.run({"authority", "one-time-password", "press-1"}).code, 2);
    EXPECT_EQ(service.run({"authority", "one-time-password", "press-1", "--group", "g", "--valid", "soon"}).code, 2);
}

TEST(AuthorityCommand, ListsByWhatIsAskedFor) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"([{"serialNumber":"0A","registrationId":"press-1","enrollmentGroupId":"plant",)"
                                R"("status":"revoked","notAfterUtc":"2027-02-24T00:00:00Z",)"
                                R"("issuedUtc":"2026-11-24T06:59:00Z","reason":"superseded"}])");
    });
    const auto ran = service.run({"authority", "list", "--group", "plant", "--revoked"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("press-1  plant  revoked  2027-02-24"));
    EXPECT_EQ(service.requests().at(0).target,
              std::string("/muster/authority/certificates?revoked=true&enrollmentGroupId=plant&") + version);
}

TEST(AuthorityCommand, RevokesWithAReason) {
    const ScriptedService service(
        [](const net::HttpRequest&) { return json_answer(200, R"({"serialNumber":"0A","status":"revoked"})"); });
    EXPECT_EQ(service.run({"authority", "revoke", "0A", "--reason", "KEYCOMPROMISE"}).code, 0);
    const auto request = service.requests().at(0);
    EXPECT_EQ(request.target, std::string("/muster/authority/certificates/0A/revoke?") + version);
    EXPECT_EQ(request.body, R"({"reason":"keyCompromise"})");
    EXPECT_EQ(service.run({"authority", "revoke", "0A", "--reason", "because"}).code, 2);
}

// An empty list, signed by a CA of its own.
Bytes revocation_list() {
    SystemRandom random;
    const auto key = pki::PrivateKey::generate({}).value();
    const pki::IssueRequest request{.profile = pki::Profile::root_ca,
                                    .common_name = "Root",
                                    .not_before = test_now(),
                                    .not_after = test_now() + std::chrono::days(2)};
    const auto ca = pki::issue(request, key.public_key().value(), nullptr, &key, random).value();
    return pki::make_crl({.number = 1, .this_update = test_now(), .next_update = test_now() + std::chrono::days(1)},
                         {ca, key})
        .value();
}

TEST(CrlCommand, SendsPemAsItIsAndDerInBase64) {
    const TemporaryDirectory directory;
    const auto list = revocation_list();
    const auto pem = directory.write(
        "list.pem", fmt::format("-----BEGIN X509 CRL-----\n{}\n-----END X509 CRL-----\n", base64_encode(list)));
    const auto der = directory.write("list.der", as_text(list));
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"enrollmentGroupId":"plant","issuer":"CN=Root","entries":3,"ended":false})");
    });
    ASSERT_EQ(service.run({"crl", "set", "plant", "--path", pem, "--must-be-current"}).code, 0);
    ASSERT_EQ(service.run({"crl", "set", "plant", "--path", der}).code, 0);
    const auto first = parse_json_object(service.requests().at(0).body).value();
    EXPECT_THAT(std::string(first.at("crl").as_string()), HasSubstr("BEGIN X509 CRL"));
    EXPECT_EQ(first.at("mustBeCurrent"), true);
    EXPECT_EQ(parse_json_object(service.requests().at(1).body).value().at("crl").as_string(), base64_encode(list));
    EXPECT_EQ(service.requests().at(0).target, "/enrollmentGroups/plant/revocationLists?api-version=2021-10-01");
}

TEST(CrlCommand, NamesWhereTheListIsFetchedFrom) {
    const TemporaryDirectory directory;
    const auto ca = directory.write("ca.pem", TestCertificates::get().ca_pem);
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"issuer":"CN=Root","entries":3,"ended":false,"url":"https://ca.test/x.crl"})");
    });
    const auto ran =
        service.run({"crl", "set", "plant", "--url", "https://ca.test/x.crl", "--server-ca", ca, "--refresh", "10min"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("https://ca.test/x.crl"));
    const json::object asked{{"mustBeCurrent", false},
                             {"url", "https://ca.test/x.crl"},
                             {"caCertificate", TestCertificates::get().ca_pem},
                             {"refreshSeconds", 600}};
    EXPECT_EQ(parse_json_object(service.requests().at(0).body).value(), asked);
    EXPECT_EQ(service.run({"crl", "set", "plant"}).code, 2);
    EXPECT_EQ(service.run({"crl", "set", "plant", "--url", "http://x", "--path", ca}).code, 2);
    EXPECT_EQ(service.run({"crl", "set", "plant", "--path", ca, "--refresh", "1h"}).code, 2);
    EXPECT_THAT(service.run({"crl", "set", "plant", "--url", "http://x", "--refresh", "soon"}).err,
                HasSubstr("'soon'"));
}

TEST(CrlCommand, AGroupShowsHowFetchingGoes) {
    const ScriptedService service([](const net::HttpRequest& request) {
        if (!request.target.contains("revocationLists"))
            return json_answer(200, R"({"enrollmentGroupId":"plant","attestation":{"type":"x509","x509":{}}})");
        return json_answer(200, R"({"value":[{"issuer":"CN=Root","entries":3,"ended":false,"url":"http://ca.test/x",)"
                                R"("fetchedUtc":"2026-11-24T06:00:00Z","failures":2,"problem":"nobody is there"}]})");
    });
    const auto ran = service.run({"enrollment-group", "show", "plant"});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("'CN=Root', 3 entries; http://ca.test/x, fails since"));
    EXPECT_THAT(ran.out, HasSubstr("(2 times): nobody is there"));
    EXPECT_THAT(service.run({"enrollment-group", "show", "plant", "-o", "json"}).out, HasSubstr("revocationLists"));
}

TEST(TrustBundleCommand, SendsEachCertificateAndNoKey) {
    const TemporaryDirectory directory;
    const auto& all = TestCertificates::get();
    const auto both = directory.write("both.pem", all.device_pem + all.ca_pem);
    const ScriptedService service([](const net::HttpRequest& request) {
        if (request.method == "GET") return json_answer(404, R"({"errorCode":404201,"message":"there is none"})");
        return json_answer(200, R"({"id":"gateways","certificates":[{"metadata":{"subjectName":"CN=Gate"}}]})");
    });
    const auto ran = service.run({"trust-bundle", "create", "gateways", "--path", both, "--path", both});
    ASSERT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("CN=Gate"));
    const auto put = service.requests().at(1);
    EXPECT_EQ(put.target, "/trustBundles/gateways?api-version=2021-11-01-preview");
    const auto body = parse_json_object(put.body).value();
    ASSERT_EQ(body.at("certificates").as_array().size(), 4U);
    EXPECT_EQ(body.at("certificates").at(1).at("certificate"), json::value(all.ca_pem));
    const auto key = directory.write("key.pem", all.ca_pem + all.device_key_pem);
    EXPECT_THAT(service.run({"trust-bundle", "update", "gateways", "--path", key}).err, HasSubstr("private key"));
    EXPECT_EQ(service.run({"trust-bundle", "update", "gateways", "--path", both}).code, 0);
    EXPECT_EQ(service.requests().back().headers.get("If-Match"), "*");
    EXPECT_EQ(service.run({"trust-bundle", "create", "gateways"}).code, 2);
}

TEST(CrlCommand, ShowsWhatHasEnded) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"value":[{"issuer":"CN=Root","entries":3,"ended":true,"mustBeCurrent":false,)"
                                R"("nextUpdateUtc":"2026-11-01T00:00:00Z","issuerThumbprint":"AB"}]})");
    });
    const auto ran = service.run({"crl", "list", "plant"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("yes, used on"));
}

}  // namespace
}  // namespace muster::cli
