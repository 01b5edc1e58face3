// The parts of EST that need no server: answers, redirections, wishes; which server and which credential.
#include "edge/certd/est_answer.h"

#include <gmock/gmock.h>

#include "device.h"
#include "edge/certd/est_attributes.h"
#include "edge/certd/settings.h"

namespace muster::edge::certd {
namespace {

using ::testing::HasSubstr;
using testing::make_identity;

net::HttpResponse with(std::string name, std::string value) {
    net::HttpResponse response;
    response.headers.add(std::move(name), std::move(value));
    return response;
}

TEST(EstAnswer, ChainsAreArrangedFromTheLeafUp) {
    const auto root = make_identity("root", {}, nullptr, true);
    const auto middle = make_identity("middle", {}, &root, true);
    const auto other = make_identity("middle", {}, &root, true);  // the same name, another key
    const auto leaf = make_identity("leaf", {}, &middle, false);
    const auto stranger = make_identity("stranger", {}, nullptr, true);
    const auto key = leaf.certificate.public_key().value();
    const auto chain = arrange({leaf.certificate},
                               {stranger.certificate, root.certificate, other.certificate, middle.certificate}, key);
    ASSERT_TRUE(chain);
    ASSERT_EQ(chain->size(), 3U);
    EXPECT_EQ((*chain)[1].der(), middle.certificate.der());
    EXPECT_EQ((*chain)[2].der(), root.certificate.der());
    EXPECT_EQ(arrange({leaf.certificate}, {}, key)->size(), 1U);
    EXPECT_FALSE(arrange({middle.certificate}, {root.certificate}, key));
    EXPECT_FALSE(arrange({}, {leaf.certificate}, key)) << "an authority's answer issues nothing";
}

TEST(EstAnswer, WishesHaveBounds) {
    EXPECT_EQ(retry_wish(with("Retry-After", "7")).count(), 7);
    EXPECT_EQ(retry_wish(with("Retry-After", "0")).count(), 1);
    EXPECT_EQ(retry_wish(with("Retry-After", "-5")).count(), 1);
    EXPECT_EQ(retry_wish(with("Retry-After", "99999999")).count(), 86400);
    EXPECT_EQ(retry_wish(with("Retry-After", "Wed, 21 Oct 2026 07:28:00 GMT")).count(), 60);
    EXPECT_EQ(retry_wish({}).count(), 60);
}

TEST(EstAnswer, OriginsCompareInOneForm) {
    EXPECT_EQ(origin_of("https://EST.example:443/x"), "https://est.example");
    EXPECT_EQ(origin_of("https://est.example:8443"), "https://est.example:8443");
    const auto there = redirection("https://a", with("Location", "https://B.example:443/p?q#f"));
    ASSERT_TRUE(there);
    EXPECT_EQ(there->origin, "https://b.example");
    EXPECT_EQ(there->path, "/p?q");
}

TEST(EstAttributes, AreRead) {
    const auto wanted = read_csr_attributes("MCEwFAYHKoZIzj0CATEJBgcrBgEEAYI3BgkqhkiG9w0BCQc=");
    ASSERT_TRUE(wanted) << wanted.error().chain();
    EXPECT_EQ(wanted->algorithm, pki::KeyAlgorithm::ec);
    EXPECT_TRUE(wanted->challenge_password);
    EXPECT_EQ(preferred_key(*wanted), "ec-p256");
    EXPECT_TRUE(read_csr_attributes("").has_value());
    EXPECT_TRUE(read_csr_attributes("MAA=").has_value());
    for (const auto* wrong : {"!", "MAE=", "BAUBAgMEBQ==", "MAMCAQE="})
        EXPECT_FALSE(read_csr_attributes(wrong)) << wrong;
}

Result<Settings> settings_of(const std::string& toml) {
    const auto object = parse_toml(toml, "certd");
    if (!object) return fail(object.error());
    return Settings::from(*object, Paths("/nowhere"));
}

TEST(EstTarget, TheNearestSettingDecides) {
    const auto settings = settings_of(R"(
[cert_issuance.device-id]
method = "est"
username = "own"
password = "p"
[cert_issuance.other]
method = "est"
url = "https://own.example/est/"
[cert_issuance.est.auth]
username = "general"
password = "p"
[cert_issuance.est.urls]
default = "https://default.example"
device-id = "https://device.example/x"
)");
    ASSERT_TRUE(settings) << settings.error().chain();
    const auto device = est_target(*settings, "device-id-temp").value();
    EXPECT_EQ(device.url, "https://device.example/x");
    EXPECT_EQ(device.auth.username, "own");
    const auto other = est_target(*settings, "other").value();
    EXPECT_EQ(other.url, "https://own.example/est");
    EXPECT_EQ(other.auth.username, "general");
    EXPECT_EQ(est_target(*settings, "third")->url, "https://default.example");
}

TEST(EstTarget, WithoutAUrlItIsAnErrorAndNoCrash) {
    // The original ends at its start, again and again (iotedge#7063).
    const auto settings =
        settings_of("[cert_issuance.est.auth]\nidentity_cert = \"est-id\"\nidentity_pk = \"est-id\"\n");
    ASSERT_TRUE(settings);
    EXPECT_THAT(est_target(*settings, "device-id").error().chain(), HasSubstr("nothing says where"));
    EXPECT_FALSE(est_target_of_identity(*settings, {"est-id", "est-id"}));
}

TEST(EstTarget, AWrongUrlIsAnErrorOfItsCertificateAlone) {
    // The original speaks EST without TLS, too.
    const auto settings = settings_of(
        "[cert_issuance.a]\nmethod = \"est\"\nurl = \"http://x\"\n[cert_issuance.est.urls]\ndefault = \"https://y\"\n");
    ASSERT_TRUE(settings);
    EXPECT_THAT(est_target(*settings, "a").error().chain(), HasSubstr("must be https"));
    EXPECT_TRUE(est_target(*settings, "b"));
}

TEST(Settings, MistakesAreNamed) {
    EXPECT_THAT(settings_of("[cert_issuance.a]\nmethod = \"est\"\nidentity_cert = \"x\"\n").error().chain(),
                HasSubstr("go together"));
    EXPECT_FALSE(settings_of("[cert_issuance.est]\ntrusted_certs = \"x\"\n"));
    EXPECT_FALSE(settings_of("[cert_issuance.est.identity_auto_renew]\nthreshold = \"80%\"\n"));
    EXPECT_FALSE(settings_of("[cert_issuance.est.auth]\nusername = \"a:b\"\npassword = \"x\"\n"));
}

}  // namespace
}  // namespace muster::edge::certd
