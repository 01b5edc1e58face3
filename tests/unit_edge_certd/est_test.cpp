// Certificates by EST: a real certd and keyd against a server that behaves well and ill.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "base/file.h"
#include "edge/keyd/client.h"
#include "edge/keyd/remote_key.h"
#include "fake_est.h"
#include "pki/csr.h"
#include "pki/subject.h"

namespace muster::edge {
namespace {

using namespace std::chrono_literals;
using testing::Answer;
using testing::Device;
using ::testing::ElementsAre;
using testing::FakeEst;
using ::testing::HasSubstr;
using testing::make_identity;
using ::testing::Not;

constexpr auto version = "?api-version=2020-09-01";

net::HttpResponse answer_of(int status, const std::string& header = "", const std::string& value = "",
                            const std::string& body = "") {
    net::HttpResponse response;
    response.status = status;
    if (!header.empty()) response.headers.add(header, value);
    response.body = body;
    return response;
}

class Est : public ::testing::Test {
protected:
    Est() { device.write("certs/est-ca.pem", est.ca_pem()); }
    // The settings as `iotedge config apply` writes them, as far as EST goes.
    void start(const std::string& auth, const std::string& more = "", const std::string& preloaded = "") {
        write_settings(auth, more, preloaded);
        device.start(Service::keyd);
        device.start(Service::certd);
    }
    void write_settings(const std::string& auth, const std::string& more, const std::string& preloaded) {
        device.write_settings(Service::keyd, "[preloaded_keys]\n" + preloaded_keys);
        device.write_settings(
            Service::certd,
            fmt::format(
                "[cert_issuance.device-id]\nmethod = \"est\"\n[cert_issuance.device-id-temp]\nmethod = \"est\"\n"
                "{}\n[cert_issuance.est]\ntrusted_certs = [\"est-server-ca-1\"]\n[cert_issuance.est.auth]\n{}\n"
                "[cert_issuance.est.urls]\ndefault = \"{}\"\n[preloaded_certs]\nest-server-ca-1 = "
                "\"file://{}\"\n{}",
                more, auth, est.url(), device.paths().under("certs/est-ca.pem").string(), preloaded));
    }
    // A bootstrap certificate of an authority that the EST server does not know but by name.
    std::string bootstrap(const std::string& name) {
        const auto identity = make_identity(name, {}, nullptr, false);
        const auto certificate = device.write("certs/bootstrap.pem", identity.certificate.pem());
        const auto key = device.write("secrets/bootstrap.pem", identity.key.to_pem()->text());
        preloaded_keys = fmt::format("est-bootstrap-id = \"file://{}\"\n", key.string());
        return fmt::format("est-bootstrap-id = \"file://{}\"\n", certificate.string());
    }
    static std::string bootstrap_auth() {
        return "identity_cert = \"est-id\"\nidentity_pk = \"est-id\"\nbootstrap_identity_cert = "
               "\"est-bootstrap-id\"\nbootstrap_identity_pk = \"est-bootstrap-id\"";
    }
    std::string request_with(const std::string& key, const pki::Subject& subject) const {
        const keyd::Client keys(device.paths().socket(Service::keyd));
        const auto handle = device.call(Service::keyd, "POST", "/keypair?api-version=2020-09-01",
                                        {{"keyId", key}, {"preferredAlgorithms", "ec-p256"}});
        const auto pair = keyd::remote_key(keys, string_or(handle.body, "keyHandle")).value();
        return pki::Csr::create(pair, subject)->pem();
    }
    Answer create(const std::string& id = "device-id", const std::string& key = "device-id",
                  const std::string& name = "dev-1") const {
        return device.call(Service::certd, "POST", std::string("/certificates") + version,
                           {{"certId", id}, {"csr", request_with(key, {{"O", "Plant"}, {"CN", name}})}});
    }
    pki::CertificateChain stored(const std::string& id) const {
        const auto answer = device.call(Service::certd, "GET", "/certificates/" + id + version);
        return pki::parse_chain(string_or(answer.body, "pem")).value_or(pki::CertificateChain{});
    }
    pki::Certificate leaf(const std::string& id) const {
        auto chain = stored(id);
        if (chain.empty()) throw std::runtime_error("there is no certificate " + id + ": " + log());
        return std::move(chain.front());
    }
    bool key_fits(const std::string& id) const {
        const keyd::Client keys(device.paths().socket(Service::keyd));
        const auto handle = keys.load_pair_blocking(id);
        const auto chain = stored(id);
        if (!handle || chain.empty()) return false;
        // The key may be moved between the two calls.
        const auto key = keyd::remote_key(keys, *handle);
        return key && key->public_key().value() == chain.front().public_key().value();
    }
    bool soon_fits(const std::string& id) const {
        for (int tries = 0; tries < 1000; ++tries) {
            if (key_fits(id)) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return false;
    }
    std::string log() const { return device.log(Service::certd); }

    Device device;
    FakeEst est;
    std::string preloaded_keys;
};

TEST_F(Est, ACertificateByNameAndPassword) {
    est.allow_password("dev-1", "once:only");
    start("username = \"dev-1\"\npassword = \"once:only\"");
    const auto made = create();
    ASSERT_EQ(made.status, 201) << made.message();
    const auto chain = stored("device-id");
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_EQ(chain[0].subject(), "CN=dev-1,O=Plant");
    EXPECT_EQ(chain[1].der(), est.ca().certificate.der());
    EXPECT_TRUE(key_fits("device-id"));
    EXPECT_THAT(log(), Not(HasSubstr("once:only")));
}

TEST_F(Est, ABootstrapCertificateIsUsedOnceToGetTheOneToSignInWith) {
    const auto preloaded = bootstrap("factory");
    est.allow_certificate("factory");
    est.allow_certificate("*");
    start(bootstrap_auth(), "", preloaded);
    ASSERT_EQ(create().status, 201) << log();
    EXPECT_THAT(est.operations(), ElementsAre("simpleenroll by factory", "simpleenroll by dev-1"));
    EXPECT_EQ(leaf("est-id").subject(), "CN=dev-1,O=Plant");
    EXPECT_TRUE(key_fits("est-id"));
    est.forget();
    ASSERT_EQ(create("device-id-temp", "device-id-temp", "another").status, 201) << log();
    EXPECT_THAT(est.operations(), ElementsAre("simpleenroll by dev-1"));
}

TEST_F(Est, ARenewalIsSignedInWithTheCertificateThatItFollows) {
    est.allow_password("dev-1", "pw");
    est.allow_certificate("*");
    start("username = \"dev-1\"\npassword = \"pw\"");
    ASSERT_EQ(create().status, 201) << log();
    est.forget();
    ASSERT_EQ(create("device-id-temp", "device-id-temp").status, 201) << log();
    EXPECT_THAT(est.operations(), ElementsAre("simplereenroll by dev-1"));
    EXPECT_EQ(est.seen().front().name, "") << "a password that was good once is not shown again";
    EXPECT_TRUE(key_fits("device-id-temp"));
}

TEST_F(Est, AServerThatDoesNotRenewIsAskedForANewOne) {
    est.allow_password("dev-1", "pw");
    est.set_reenroll(false);
    start("username = \"dev-1\"\npassword = \"pw\"");
    ASSERT_EQ(create().status, 201) << log();
    est.forget();
    ASSERT_EQ(create("device-id-temp", "device-id-temp").status, 201) << log();
    EXPECT_THAT(est.operations(), ElementsAre("simplereenroll by dev-1", "simpleenroll by dev-1"));
}

TEST_F(Est, ADecisionThatTakesTimeIsAwaitedAndNotUrged) {
    est.allow_password("dev-1", "pw");
    est.script("simpleenroll", {answer_of(202, "Retry-After", "2")});
    start("username = \"dev-1\"\npassword = \"pw\"");
    const auto first = create();
    EXPECT_EQ(first.status, 429);
    EXPECT_THAT(first.message(), HasSubstr("202"));
    const auto second = create();
    EXPECT_EQ(second.status, 429);
    EXPECT_THAT(second.message(), HasSubstr("has not decided yet"));
    EXPECT_EQ(est.operations().size(), 1U);
    std::this_thread::sleep_for(2100ms);
    EXPECT_EQ(create().status, 201) << log();
}

TEST_F(Est, RefusalsSayTheServersReason) {
    start("username = \"dev-1\"\npassword = \"secret\"");
    const auto answer = create();
    EXPECT_EQ(answer.status, 401);
    EXPECT_THAT(answer.message(), HasSubstr("HTTP 401: who are you?"));
    EXPECT_THAT(answer.message(), HasSubstr(est.url()));
    EXPECT_THAT(answer.message(), Not(HasSubstr("secret")));
    EXPECT_TRUE(stored("device-id").empty());
}

TEST_F(Est, AFaultThatPassesIsWaitedOut) {
    est.allow_password("dev-1", "pw");
    est.script("cacerts", {answer_of(503, "Retry-After", "1")});
    est.script("simpleenroll", {answer_of(500)});
    start("username = \"dev-1\"\npassword = \"pw\"");
    EXPECT_EQ(create().status, 201) << log();
}

TEST_F(Est, RedirectionsAreFollowedAtHomeOnly) {
    est.allow_password("dev-1", "pw");
    FakeEst other("another CA");
    device.write("certs/est-ca.pem", est.ca_pem() + other.ca_pem());
    start("username = \"dev-1\"\npassword = \"pw\"");
    est.script("cacerts", {answer_of(302, "Location", other.url() + "/cacerts")});
    est.script("simpleenroll", {answer_of(307, "Location", "/elsewhere/simpleenroll")});
    ASSERT_EQ(create().status, 201) << log();
    ASSERT_EQ(other.seen().size(), 1U);
    EXPECT_EQ(other.seen()[0].name, "") << "a stranger is not shown the password";
    EXPECT_EQ(est.operations().size(), 2U);

    est.set_reenroll(false);
    est.script("simpleenroll", {answer_of(307, "Location", other.url() + "/simpleenroll")});
    const auto sent_away = create();
    EXPECT_EQ(sent_away.status, 400);
    EXPECT_THAT(sent_away.message(), HasSubstr("sends enrolments elsewhere"));
    for (const auto* where : {"http://localhost/x", "ftp://x", "//x/y", "", "https://a@b/c", "https://x y/"}) {
        est.script("simpleenroll", {answer_of(307, "Location", where)});
        EXPECT_EQ(create().status, 400) << where;
    }
    est.script("simpleenroll", std::vector(10, answer_of(308, "Location", "/x/simpleenroll")));
    EXPECT_THAT(create().message(), HasSubstr("in a circle"));
    EXPECT_EQ(other.seen().size(), 1U);
}

TEST_F(Est, HostileAnswersAreErrorsAndNoMore) {
    est.allow_password("dev-1", "pw");
    start("username = \"dev-1\"\npassword = \"pw\"");
    const auto stranger = make_identity("dev-1", {}, &est.ca(), false);
    auto huge = answer_of(200, "Content-Type", "application/pkcs7-mime", std::string(2'000'000, 'A'));
    est.script("simpleenroll",
               {answer_of(200, "Content-Type", "application/pkcs7-mime", "!!!"),
                answer_of(200, "Content-Type", "application/pkcs7-mime", base64_encode(as_bytes("not DER"))),
                answer_of(200, "Content-Type", "application/pkcs7-mime", ""),
                answer_of(200, "Content-Type", "text/html", "<p>"), huge, FakeEst::certificates({stranger.certificate}),
                answer_of(201)});
    for (const auto* reason : {"not base64", "PKCS#7", "PKCS#7", "content type is \"text/html\"", "too large",
                               "no certificate of the answer is of the key"}) {
        const auto answer = create();
        EXPECT_GE(answer.status, 400);
        EXPECT_THAT(answer.message(), HasSubstr(reason));
        EXPECT_TRUE(stored("device-id").empty());
    }
    (void)create();
    EXPECT_EQ(create().status, 201) << log();
}

TEST_F(Est, AnAuthorityThatDidNotSignIsNotTakenForTheIssuer) {
    est.allow_password("dev-1", "pw");
    start("username = \"dev-1\"\npassword = \"pw\"");
    const auto impostor = make_identity("fake EST CA", {}, nullptr, true);
    est.script("cacerts", {FakeEst::certificates({impostor.certificate})});
    EXPECT_THAT(create().message(), HasSubstr("is not signed by"));
}

TEST_F(Est, AServerThatIsNotTrustedIsNotToldAnything) {
    est.allow_password("dev-1", "pw");
    device.write("certs/est-ca.pem", make_identity("other", {}, nullptr, true).certificate.pem());
    start("username = \"dev-1\"\npassword = \"pw\"");
    EXPECT_THAT(create().message(), HasSubstr("is not trusted"));
    EXPECT_TRUE(est.seen().empty());
}

TEST_F(Est, WhatTheServerWantsInARequestIsSaidWhenItRefuses) {
    est.allow_password("dev-1", "pw");
    // SEQUENCE { SEQUENCE { id-ecPublicKey, SET { secp384r1 } }, challengePassword }
    est.set_csr_attributes("MCEwFAYHKoZIzj0CATEJBgcrBgEEAYI3BgkqhkiG9w0BCQc=");
    est.script("simpleenroll", {answer_of(400, "Content-Type", "text/plain", "weak key")});
    start("username = \"dev-1\"\npassword = \"pw\"");
    const auto answer = create();
    EXPECT_THAT(answer.message(), HasSubstr("a challenge password"));
    EXPECT_THAT(answer.message(), HasSubstr("weak key"));
    EXPECT_EQ(create().status, 201) << "a wish is no condition";
}

TEST_F(Est, CertdServesOthersWhileAServerTakesItsTime) {
    est.allow_password("dev-1", "pw");
    est.set_delay(2s);
    start("username = \"dev-1\"\npassword = \"pw\"");
    std::atomic<bool> done = false;
    std::thread slow([&] {
        EXPECT_EQ(create().status, 201);
        done = true;
    });
    while (est.seen().empty()) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(device.call(Service::certd, "GET", std::string("/certificates/est-server-ca-1") + version).status, 200);
    EXPECT_FALSE(done);
    slow.join();
}

TEST_F(Est, TwoWhoAskForTheSameShareTheAnswer) {
    est.allow_password("dev-1", "pw");
    est.set_delay(2s);
    start("username = \"dev-1\"\npassword = \"pw\"");
    std::thread first([&] { EXPECT_EQ(create().status, 201); });
    while (est.seen().empty()) std::this_thread::sleep_for(1ms);
    EXPECT_EQ(create().status, 201);
    first.join();
    EXPECT_THAT(est.operations(), ElementsAre("simpleenroll by dev-1"));
}

TEST_F(Est, AnExpiredEstCertificateIsGotAnewByBootstrap) {
    const auto preloaded = bootstrap("factory");
    est.allow_certificate("factory");
    est.allow_certificate("*");
    est.set_age(1h);
    est.set_life(1h + 3s);
    start(bootstrap_auth() +
              "\n[cert_issuance.est.identity_auto_renew]\nrotate_key = true\nthreshold = \"99%\"\nretry = "
              "\"99%\"",
          "", preloaded);
    ASSERT_EQ(create("device-id", "device-id", "dev-1").status, 201) << log();
    // Overdue from the start, it may have been renewed once. The whole second of its end belongs to its life.
    const auto has_ended = [&] { return SystemClock().now() > leaf("est-id").not_after() + 1s; };
    for (int tries = 0; tries < 600 && !has_ended(); ++tries) std::this_thread::sleep_for(50ms);
    ASSERT_TRUE(has_ended());
    est.set_age(0s);
    est.set_life(1h);
    est.forget();
    ASSERT_EQ(create("device-id-temp", "device-id-temp", "dev-1").status, 201) << log();
    EXPECT_THAT(est.operations(), ElementsAre("simpleenroll by factory", "simpleenroll by dev-1"));
}

TEST_F(Est, TheEstCertificateRenewsItself) {
    const auto preloaded = bootstrap("factory");
    est.allow_certificate("factory");
    est.allow_certificate("*");
    // Due after a second, and good for long after that.
    est.set_life(200s);
    start(bootstrap_auth() +
              "\n[cert_issuance.est.identity_auto_renew]\nrotate_key = true\nthreshold = \"1%\"\nretry = "
              "\"1%\"",
          "", preloaded);
    ASSERT_EQ(create().status, 201) << log();
    const auto first = leaf("est-id");
    est.set_life(100h);
    pki::Certificate last = first;
    for (int tries = 0; tries < 600 && last.der() == first.der(); ++tries) {
        std::this_thread::sleep_for(100ms);
        last = leaf("est-id");
    }
    EXPECT_NE(last.der(), first.der()) << log();
    EXPECT_GT(last.not_after(), first.not_after());
    EXPECT_THAT(est.operations(), ::testing::Contains("simplereenroll by dev-1"));
    // Key and certificate are moved one after the other.
    EXPECT_TRUE(soon_fits("est-id"));
    EXPECT_FALSE(last.public_key().value() == first.public_key().value());
}

TEST_F(Est, ACertificateGivenByFileCannotBeReplaced) {
    est.allow_password("dev-1", "pw");
    const auto identity = make_identity("dev-1", {}, nullptr, false);
    const auto file = device.write("certs/device.pem", identity.certificate.pem());
    start("username = \"dev-1\"\npassword = \"pw\"", "", fmt::format("device-id = \"file://{}\"\n", file.string()));
    const auto answer = create();
    EXPECT_EQ(answer.status, 400);
    EXPECT_THAT(answer.message(), HasSubstr("preloaded"));
    EXPECT_TRUE(est.seen().empty()) << "a one-time password would be spent for nothing";
}

class LocalCa : public Est {
protected:
    Answer create_local(const std::string& name = "dev-1") {
        return device.call(Service::certd, "POST", std::string("/certificates") + version,
                           {{"certId", "module"}, {"csr", request_with("module", {{"CN", name}})}});
    }
    void start_local(const std::string& settings, const std::string& keys = "") {
        device.write_settings(Service::keyd, keys);
        device.write_settings(Service::certd,
                              "[cert_issuance.module]\nmethod = \"local_ca\"\nexpiry_days = 3\n"
                              "[cert_issuance.local_ca]\ncert = \"local-ca\"\npk = \"local-ca\"\n" +
                                  settings);
        device.start(Service::keyd);
        device.start(Service::certd);
    }
};

TEST_F(LocalCa, FromFiles) {
    const auto authority = make_identity("plant CA", {}, nullptr, true);
    const auto certificate = device.write("certs/ca.pem", authority.certificate.pem());
    const auto key = device.write("secrets/ca.pem", authority.key.to_pem()->text());
    start_local(fmt::format("[preloaded_certs]\nlocal-ca = \"file://{}\"\n", certificate.string()),
                fmt::format("[preloaded_keys]\nlocal-ca = \"file://{}\"\n", key.string()));
    ASSERT_EQ(create_local().status, 201) << log();
    const auto chain = stored("module");
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_EQ(chain[0].issuer(), "CN=plant CA");
    EXPECT_EQ(chain[1].der(), authority.certificate.der());
    device.write("certs/ca.pem", make_identity("not a CA", {}, nullptr, false).certificate.pem());
    EXPECT_THAT(create_local().message(), HasSubstr("the key \"local-ca\" is not of the authority"));
}

TEST_F(LocalCa, MadeWhenItIsFirstNeededAndRenewedWithTheSameKey) {
    start_local(
        "[cert_issuance.local-ca]\nmethod = \"self_signed\"\ncommon_name = \"my CA\"\nexpiry_days = 1\n"
        "[cert_issuance.local-ca.auto_renew]\nrotate_key = false\nthreshold = \"1%\"\nretry = \"1%\"\n");
    ASSERT_EQ(create_local().status, 201) << log();
    const auto chain = stored("module");
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_EQ(chain[1].common_name(), "my CA");
    EXPECT_TRUE(chain[1].is_ca());
    EXPECT_EQ(leaf("local-ca").der(), chain[1].der());
    for (int tries = 0; tries < 1000 && log().find("will be renewed") == std::string::npos; ++tries)
        std::this_thread::sleep_for(20ms);
    EXPECT_THAT(log(), HasSubstr("the certificate will be renewed"));
}

TEST_F(LocalCa, IssuedByEst) {
    est.allow_password("dev-1", "pw");
    est.set_authority(true);
    device.write("certs/est-ca.pem", est.ca_pem());
    start_local(
        fmt::format("[cert_issuance.local-ca]\nmethod = \"est\"\ncommon_name = \"plant 3\"\nurl = \"{}\"\nusername = "
                    "\"dev-1\"\npassword = \"pw\"\n[cert_issuance.est]\ntrusted_certs = [\"t\"]\n"
                    "[preloaded_certs]\nt = \"file://{}\"\n",
                    est.url(), device.paths().under("certs/est-ca.pem").string()));
    ASSERT_EQ(create_local().status, 201) << log();
    EXPECT_EQ(stored("module").size(), 3U);
}

TEST_F(LocalCa, WhatIsNoAuthorityIsNotTakenForOne) {
    est.allow_password("dev-1", "pw");
    device.write("certs/est-ca.pem", est.ca_pem());
    start_local(
        fmt::format("[cert_issuance.local-ca]\nmethod = \"est\"\ncommon_name = \"plant 3\"\nurl = \"{}\"\nusername = "
                    "\"dev-1\"\npassword = \"pw\"\n[cert_issuance.est]\ntrusted_certs = [\"t\"]\n"
                    "[preloaded_certs]\nt = \"file://{}\"\n",
                    est.url(), device.paths().under("certs/est-ca.pem").string()));
    EXPECT_THAT(create_local().message(), HasSubstr("is no authority"));
    EXPECT_TRUE(stored("local-ca").empty());
}

}  // namespace
}  // namespace muster::edge
