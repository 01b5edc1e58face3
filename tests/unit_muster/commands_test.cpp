#include <gmock/gmock.h>

#include "base/json.h"
#include "base/text.h"
#include "fixture.h"
#include "muster/output.h"
#include "muster/table.h"
#include "pki/certificate.h"
#include "wire/sas.h"

namespace muster::cli {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

net::HttpResponse not_found() {
    return json_answer(404, R"({"errorCode":404201,"trackingId":"t-1","message":"there is no enrollment \"dev-1\"",)"
                            R"("timestampUtc":"2026-11-24T07:00:00Z"})");
}

TEST(Commands, EveryCallIsSignedByThePolicy) {
    const ScriptedService service(
        [](const net::HttpRequest&) { return json_answer(200, R"({"registrationId":"dev-1"})"); });
    ASSERT_EQ(service.run({"enrollment", "show", "dev-1"}).code, 0);
    const auto request = service.requests().at(0);
    EXPECT_EQ(request.method, "GET");
    EXPECT_EQ(request.target, "/enrollments/dev-1?api-version=2021-10-01");
    const auto token = wire::SasToken::parse(request.headers.get("Authorization"));
    ASSERT_TRUE(token);
    EXPECT_EQ(token->policy, "owner");
    EXPECT_EQ(token->resource, "localhost");
    EXPECT_TRUE(token->signed_by(as_bytes("key-one")));
    EXPECT_FALSE(token->expired(test_now()));
}

TEST(Commands, CreateDoesNotReplaceWhatExists) {
    const TemporaryDirectory directory;
    const auto certificate = directory.write("device.pem", TestCertificates::get().device_pem);
    const ScriptedService service(
        [](const net::HttpRequest&) { return json_answer(200, R"({"registrationId":"dev-1"})"); });
    const auto ran = service.run({"enrollment", "create", "dev-1", "--certificate-path", certificate});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("enrollment 'dev-1' exists already"));
    EXPECT_THAT(ran.err, HasSubstr("muster enrollment update dev-1"));
    EXPECT_EQ(service.requests().size(), 1u);
}

TEST(Commands, CreateSendsTheEnrollmentAndShowsTheAnswer) {
    const TemporaryDirectory directory;
    const auto ca = directory.write("ca.pem", TestCertificates::get().ca_pem);
    const ScriptedService service([](const net::HttpRequest& request) {
        if (request.method == "GET") return not_found();
        return json_answer(200, R"({"enrollmentGroupId":"plant-3","provisioningStatus":"enabled","etag":"\"7\"",)"
                                R"("attestation":{"type":"x509"}})");
    });
    const auto ran = service.run({"enrollment-group", "create", "plant-3", "--cp", ca, "--edge-enabled", "TRUE"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("Group        plant-3\nStatus       enabled\n"));
    const auto put = service.requests().at(1);
    EXPECT_EQ(put.method, "PUT");
    EXPECT_EQ(put.target, "/enrollmentGroups/plant-3?api-version=2021-10-01");
    EXPECT_EQ(put.headers.find("If-Match"), nullptr);
    const auto body = parse_json_object(put.body).value();
    EXPECT_EQ(text_at(body, "capabilities.iotEdge"), "true");
    EXPECT_EQ(text_at(body, "attestation.x509.signingCertificates.primary.certificate"),
              TestCertificates::get().ca_pem);
}

TEST(Commands, UpdateIsConditionalOnWhatWasRead) {
    const ScriptedService service([](const net::HttpRequest& request) {
        auto body = parse_json_object(R"({"registrationId":"dev-1","etag":"\"5\"","deviceId":"kept"})").value();
        if (request.method == "PUT") body = parse_json_object(request.body).value();
        return json_answer(200, json::serialize(body));
    });
    const auto ran = service.run({"enrollment", "update", "dev-1", "--provisioning-status", "disabled", "-o", "json"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto put = service.requests().at(1);
    EXPECT_EQ(put.headers.get("If-Match"), "\"5\"");
    const auto body = parse_json_object(put.body).value();
    EXPECT_EQ(text_at(body, "deviceId"), "kept");
    EXPECT_EQ(text_at(body, "provisioningStatus"), "disabled");
    EXPECT_TRUE(parse_json_object(ran.out));
}

TEST(Commands, DeleteSaysSo) {
    const ScriptedService service([](const net::HttpRequest&) {
        net::HttpResponse none;
        none.status = 204;
        return none;
    });
    const auto enrollment = service.run({"enrollment", "delete", "dev-1", "--etag", "\"5\""});
    EXPECT_EQ(enrollment.code, 0) << enrollment.err;
    EXPECT_EQ(enrollment.out, "Deleted enrollment 'dev-1'.\n");
    const auto device = service.run({"device", "delete", "a/b"});
    EXPECT_EQ(device.code, 2) << "a slash is not in device ids";
    EXPECT_EQ(service.run({"device", "delete", "a#b", "-o", "json"}).out, "");
    const auto requests = service.requests();
    EXPECT_EQ(requests.at(0).headers.get("If-Match"), "\"5\"");
    EXPECT_EQ(requests.at(1).target, "/devices/a%23b?api-version=2021-04-12");
    EXPECT_EQ(requests.at(1).headers.get("If-Match"), "\"*\"");
}

TEST(Commands, ARefusalIsSaidWithCodeAndTrackingId) {
    const ScriptedService service([](const net::HttpRequest&) { return not_found(); });
    const auto ran = service.run({"enrollment", "show", "dev-1"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_EQ(ran.err,
              "muster: cannot show enrollment 'dev-1': there is no enrollment \"dev-1\"\n"
              "  HTTP 404, errorCode 404201, trackingId t-1\n"
              "  `muster enrollment list` shows those there are.\n");
}

TEST(Commands, TheHubsRefusalsAreUnderstoodToo) {
    const ScriptedService service([](const net::HttpRequest&) {
        auto answer = json_answer(409, R"({"Message":"ErrorCode:DeviceAlreadyExists;device 'd' exists",)"
                                       R"("ExceptionMessage":"Tracking ID:abc-G:1-TimeStamp:11/24/2026 07:00:00"})");
        answer.headers.set("x-ms-request-id", "a-b-c");
        return answer;
    });
    const auto ran = service.run({"device", "create", "d"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("cannot create device 'd': device 'd' exists\n"));
    EXPECT_THAT(ran.err, HasSubstr("HTTP 409, errorCode DeviceAlreadyExists, trackingId a-b-c\n"));
}

TEST(Commands, AnAnswerThatIsNoJsonIsAFailureAndIsMadeHarmless) {
    const ScriptedService service([](const net::HttpRequest& request) {
        return json_answer(request.target.starts_with("/enrollments") ? 200 : 502, "<html>\x1b[2J</html>");
    });
    const auto ran = service.run({"enrollment", "show", "dev-1"});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("not JSON"));
    const auto proxy = service.run({"device", "show", "dev-1"});
    EXPECT_EQ(proxy.code, 1);
    EXPECT_THAT(proxy.err, HasSubstr("HTTP 502"));
    EXPECT_THAT(proxy.err, Not(HasSubstr("\x1b")));
}

TEST(Commands, AnUntrustedServiceIsNotSpokenTo) {
    const ScriptedService service([](const net::HttpRequest&) { return json_answer(200, "{}"); });
    const TemporaryDirectory directory;
    const auto foreign = directory.write("ca.pem", TestCertificates::get().device_pem);
    const auto ran = service.run({"status", "--ca", foreign});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("--ca FILE"));
    const auto other_name = run_command(
        {"status", "--ca", directory.write("its.pem", TestCertificates::get().ca_pem), "--connection-string",
         fmt::format("HostName=127.0.0.1:{};SharedAccessKeyName=p;SharedAccessKey=eA==", service.port())});
    EXPECT_THAT(other_name.err, AllOf(HasSubstr("for other names"), HasSubstr("host_name"), Not(HasSubstr("--ca"))));
    EXPECT_TRUE(service.requests().empty());
}

TEST(Commands, NobodyThereNamesMusterd) {
    const TemporaryDirectory directory;
    directory.write("access-policies.json",
                    R"({"policies":[{"keyName":"owner","primaryKey":"eA==","secondaryKey":"eA==","rights":[]}]})");
    directory.write("endpoints.json", R"({"pid":4711,"hostName":"localhost","idScope":"x","https":"127.0.0.1:1"})");
    const auto ran = run_command({"status", "--data-dir", directory.path().string()});
    EXPECT_EQ(ran.code, 1);
    EXPECT_THAT(ran.err, HasSubstr("musterd (process 4711)"));
}

TEST(Commands, StatusIsOneScreen) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"hostName":"localhost","idScope":"0ne0000ABCD","version":"0.1.0",
            "startedUtc":"2026-11-24T04:00:00.0000000Z","listeners":{"https":"127.0.0.1:443"},
            "store":{"kind":"postgresql","description":"PostgreSQL, the database muster at db.example"},
            "counts":{"enrollments":2,"enrollmentGroups":1,"registrations":{"assigned":2,"failed":1,"disabled":0},
            "devices":2,"modules":4},"lastRegistrations":[{"registrationId":"dev-1","status":"assigned",
            "deviceId":"dev-1","assignedHub":"localhost","lastUpdatedDateTimeUtc":"2026-11-24T06:59:30Z",
            "substatus":"initialAssignment"},{"registrationId":"dev-2","status":"failed","errorCode":400208,
            "errorMessage":"no hub"}]})");
    });
    const auto ran = service.run({"status"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(service.requests().at(0).target, "/muster/status?api-version=2026-11-01");
    EXPECT_EQ(ran.out,
              "Service        musterd 0.1.0 at localhost\n"
              "ID scope       0ne0000ABCD\n"
              "Running        since 2026-11-24 04:00:00 UTC (3 h ago)\n"
              "Listening      https 127.0.0.1:443\n"
              "Store          PostgreSQL, the database muster at db.example\n"
              "Enrollments    2 individual, 1 group\n"
              "Registrations  2 assigned, 1 failed\n"
              "Devices        2, with 4 modules\n"
              "\n"
              "Last registrations\n"
              "REGISTRATION ID  STATUS    DEVICE ID  HUB        UPDATED   DETAIL\n"
              "dev-1            assigned  dev-1      localhost  30 s ago  initialAssignment\n"
              "dev-2            failed                                    400208: no hub\n");
}

TEST(Commands, EnrollmentShowSaysAssignedAndTheDeviceId) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200,
                           R"({"registrationId":"dev-1","provisioningStatus":"enabled","attestation":{"type":"x509",
            "x509":{"clientCertificates":{"primary":{"info":{"subjectName":"CN=dev-1","sha256Thumbprint":
            "00112233445566778899AABBCCDDEEFF","notAfterUtc":"2027-01-02T00:00:00Z"}}}}},
            "registrationState":{"status":"assigned","deviceId":"pump-7","assignedHub":"localhost"}})");
    });
    const auto ran = service.run({"enrollment", "show", "dev-1"});
    EXPECT_THAT(ran.out, HasSubstr("Certificate      CN=dev-1, until 2027-01-02, SHA-256 0011223344556677…\n"));
    EXPECT_THAT(ran.out, HasSubstr("Registration     assigned\n"));
    EXPECT_THAT(ran.out, HasSubstr("Assigned device  pump-7\n"));
}

TEST(Commands, RegistrationsOfAGroup) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"([{"registrationId":"dev-1","status":"assigned","deviceId":"dev-1",
            "assignedHub":"hub.example","lastUpdatedDateTimeUtc":"2026-11-24T06:00:00Z"}])");
    });
    const auto ran = service.run({"registration", "list", "--group", "plant:3"}, 60);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(service.requests().at(0).target, "/registrations/plant%3A3/query?api-version=2021-10-01");
    for (const auto line : split(ran.out, '\n')) EXPECT_LE(display_width(line), 60u) << line;
}

TEST(Commands, DeviceCreateTakesTheThumbprintOfACertificate) {
    const TemporaryDirectory directory;
    const auto certificate = directory.write("device.pem", TestCertificates::get().device_pem);
    const ScriptedService service([](const net::HttpRequest& request) { return json_answer(200, request.body); });
    const auto ran = service.run({"device", "create", "dev-1", "--certificate-path", certificate, "-o", "json"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    const auto body = parse_json_object(ran.out).value();
    EXPECT_EQ(text_at(body, "authentication.type"), "selfSigned");
    EXPECT_EQ(text_at(body, "authentication.x509Thumbprint.primaryThumbprint"),
              pki::Certificate::from_pem(TestCertificates::get().device_pem)->sha256_thumbprint());
}

TEST(Commands, TwinShowOfAModule) {
    const ScriptedService service([](const net::HttpRequest&) {
        return json_answer(200, R"({"deviceId":"dev-1","moduleId":"$edgeAgent","version":2,"tags":{},"properties":
            {"desired":{"a":1,"$version":4,"$metadata":{"x":1}},"reported":{"$version":1}}})");
    });
    const auto ran = service.run({"twin", "show", "dev-1", "--module", "$edgeAgent"});
    EXPECT_EQ(service.requests().at(0).target, "/twins/dev-1/modules/%24edgeAgent?api-version=2021-04-12");
    EXPECT_THAT(ran.out, HasSubstr("Desired properties (version 4)\n{\n  \"a\": 1\n}\n"));
    EXPECT_THAT(ran.out, Not(HasSubstr("$metadata")));
}

TEST(Commands, ConnectionStringsOfTheDataDirectory) {
    const ScriptedService service([](const net::HttpRequest&) { return json_answer(200, "{}"); });
    const auto ran = service.run({"connection-string", "--policy", "provisioningreader"});
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_EQ(ran.out,
              fmt::format("HostName=localhost:{};SharedAccessKeyName=provisioningreader;SharedAccessKey=cmVhZA==\n",
                          service.port()));
    EXPECT_THAT(ran.err, HasSubstr("port 443"));
    const auto named =
        service.run({"connection-string", "--policy", "owner", "--key", "secondary", "--host-name", "h"});
    EXPECT_EQ(named.out, "HostName=h;SharedAccessKeyName=owner;SharedAccessKey=a2V5LXR3bw==\n");
    const auto unknown = service.run({"connection-string", "--policy", "ownr"});
    EXPECT_EQ(unknown.code, 1);
    EXPECT_THAT(unknown.err, HasSubstr("did you mean 'owner'?"));
    const auto all = service.run({"connection-string"});
    EXPECT_THAT(all.out, HasSubstr("provisioningreader  EnrollmentRead\n"));
    EXPECT_THAT(all.out, Not(HasSubstr("cmVhZA")));
}

TEST(Commands, AFileThatHoldsSomethingElseIsNamed) {
    const TemporaryDirectory directory;
    const auto junk = directory.write("junk.pem", "not a certificate");
    const auto key = directory.write("key.pem", TestCertificates::get().device_key_pem);
    const auto link = directory.write("link", "");
    for (const auto& arguments : {std::vector<std::string>{"registration", "test", junk},
                                  {"trust-bundle", "create", "b", "--path", junk},
                                  {"authority", "install", "--certificate-path", junk},
                                  {"crl", "set", "g", "--path", junk},
                                  {"crl", "set", "g", "--url", "https://h/", "--server-ca", junk}}) {
        const ScriptedService service([](const net::HttpRequest&) { return json_answer(500, "{}"); });
        const auto ran = service.run(arguments);
        EXPECT_EQ(ran.code, 1);
        EXPECT_THAT(ran.err, testing::ContainsRegex("junk.pem (does not hold certificates|is not a revocation list)"));
        EXPECT_EQ(service.requests().size(), 0u);
    }
    EXPECT_THAT(run_command({"trust-bundle", "create", "b", "--path", key}).err, HasSubstr("holds a private key"));
    const auto hub = run_command({"hub", "link", "--hub-connection-string", "@" + link});
    EXPECT_THAT(hub.err, HasSubstr("link holds no connection string of a hub"));
    EXPECT_THAT(hub.err, HasSubstr("muster connection-string --policy iothubowner"));
}

TEST(Commands, TrustPrintsTheCa) {
    const ScriptedService service([](const net::HttpRequest&) {
        net::HttpResponse pem;
        pem.body = "-----BEGIN CERTIFICATE-----\n";
        return pem;
    });
    const auto local = service.run({"trust"});
    EXPECT_EQ(local.out, TestCertificates::get().ca_pem);
    EXPECT_THAT(local.err, HasSubstr("update-ca-certificates"));
    EXPECT_TRUE(service.requests().empty()) << "the file needs no running service";

    const TemporaryDirectory directory;
    const auto ca = directory.write("ca.pem", TestCertificates::get().ca_pem);
    const auto remote =
        run_command({"trust", "--ca", ca, "--connection-string",
                     fmt::format("HostName=localhost:{};SharedAccessKeyName=p;SharedAccessKey=eA==", service.port())});
    EXPECT_EQ(remote.code, 0) << remote.err;
    EXPECT_EQ(remote.out, "-----BEGIN CERTIFICATE-----\n");
}

TEST(Commands, TrustSaysWhyThereIsNoCa) {
    const TemporaryDirectory directory;
    const auto trust = [&] { return run_command({"trust", "--data-dir", directory.path().string()}).err; };
    EXPECT_THAT(trust(), HasSubstr("is not the data directory of a musterd"));
    directory.write("lock", "4711\n");
    EXPECT_THAT(trust(), HasSubstr("first start"));
    directory.write("access-policies.json", "{}");
    EXPECT_THAT(trust(), HasSubstr("section [tls]"));
}

}  // namespace
}  // namespace muster::cli
