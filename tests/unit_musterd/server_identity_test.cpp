#include "musterd/server_identity.h"

#include "directory_fixture.h"
#include "pki/issue.h"

namespace muster::musterd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ServerIdentityTest : public DirectoryTest {
protected:
    struct Files {
        std::string certificate;
        std::string key;
    };
    Files make(const std::string& name, std::vector<std::string> dns, TimePoint from, TimePoint until) {
        const auto key = pki::PrivateKey::generate({}).value();
        const pki::IssueRequest request{.profile = pki::Profile::server,
                                        .common_name = name,
                                        .dns_names = std::move(dns),
                                        .not_before = from,
                                        .not_after = until};
        const auto certificate = pki::issue(request, key.public_key().value(), nullptr, &key, random_).value();
        return {write(name + ".pem", certificate.pem()).string(),
                write(name + ".key", key.to_pem().value().text()).string()};
    }
    Files make(const std::string& name) {
        return make(name, {name}, now_ - std::chrono::hours(1), now_ + std::chrono::days(30));
    }

    SystemRandom random_;
    const TimePoint now_ = *parse_utc("2026-11-24T06:00:00Z");
};

TEST_F(ServerIdentityTest, WhatIsWrongWithAGivenOneIsToldOfTheKeyAndTheFile) {
    const auto good = make("muster.plant");
    ASSERT_TRUE(given_server_identity(good.certificate, good.key));
    const auto junk = write("junk", "nothing").string();
    EXPECT_THAT(why(given_server_identity(directory_ / "nowhere", good.key)),
                AllOf(HasSubstr("certificate of section [tls]"), HasSubstr("nowhere: No such file")));
    EXPECT_THAT(why(given_server_identity(junk, good.key)), HasSubstr("certificate of section [tls] cannot be used: "));
    EXPECT_THAT(why(given_server_identity(good.certificate, junk)), HasSubstr("key of section [tls] cannot be used: "));
    EXPECT_THAT(why(given_server_identity(good.certificate, make("other").key)),
                AllOf(HasSubstr("other.key is not that of the certificate in"), HasSubstr("comes first")));
}

TEST_F(ServerIdentityTest, WhatClientsHaveAgainstItIsKnownBefore) {
    const auto fault = [&](const Files& files, const std::string& host) {
        return fault_of(given_server_identity(files.certificate, files.key).value(), host, now_);
    };
    EXPECT_EQ(fault(make("muster.plant"), "muster.plant"), "");
    EXPECT_EQ(fault(make("any", {"*.plant.example"}, now_ - std::chrono::hours(1), now_ + std::chrono::hours(1)),
                    "m.plant.example"),
              "");
    EXPECT_EQ(fault(make("muster.plant"), "other.plant"),
              "it is not for other.plant, which devices are told, but for muster.plant");
    EXPECT_THAT(fault(make("old", {"h"}, now_ - std::chrono::hours(2), now_ - std::chrono::hours(1)), "h"),
                HasSubstr("expired at 2026-11-24T05:00:00Z"));
    EXPECT_THAT(fault(make("new", {"h"}, now_ + std::chrono::hours(1), now_ + std::chrono::hours(2)), "h"),
                HasSubstr("not valid before"));
}

}  // namespace
}  // namespace muster::musterd
