// The sentences are those of net; that it says them is seen by tests/integration_device/check.sh.
#include "edge/check/mending.h"

#include <gmock/gmock.h>

namespace muster::edge::checks {
namespace {

using ::testing::HasSubstr;

const Destination hub{"hub.example:443", "correct the hub"};
const Destination behind_proxy{"hub.example:443", "correct the hub", true};

std::string mend(Errc code, const std::string& text, const Destination& to = hub) {
    return what_mends(Error(code, text).wrap("hub.example:443 cannot be used"), to);
}

TEST(Mending, ANameThatIsWrongAndANameServerThatIsAway) {
    EXPECT_THAT(mend(Errc::unavailable, "cannot look up hub.example: Name or service not known"),
                HasSubstr("correct the hub"));
    EXPECT_THAT(mend(Errc::unavailable, "cannot look up hub.example: Temporary failure in name resolution"),
                HasSubstr("no name server answers"));
    EXPECT_THAT(mend(Errc::timeout, "looking up hub.example took too long"), HasSubstr("no name server answers"));
    EXPECT_THAT(mend(Errc::unavailable, "cannot look up p.example: Name or service not known", behind_proxy),
                HasSubstr("correct url in [proxy]"));
}

TEST(Mending, AWayThatIsNone) {
    EXPECT_THAT(mend(Errc::unavailable, "cannot connect to hub.example:443: Connection refused"),
                HasSubstr("start what should listen at hub.example:443"));
    EXPECT_THAT(mend(Errc::unavailable, "cannot connect to hub.example:443: No route to host"), HasSubstr("ip route"));
    EXPECT_THAT(mend(Errc::timeout, "connecting to hub.example:443 took too long"), HasSubstr("a firewall on the way"));
    EXPECT_THAT(mend(Errc::timeout, "connecting to p.example:3128 took too long", behind_proxy),
                HasSubstr("let this device reach the proxy"));
}

TEST(Mending, AProxyThatRefuses) {
    const std::string refused = "proxy p.example:3128: refused CONNECT to hub.example:443 with status ";
    EXPECT_THAT(mend(Errc::unavailable, refused + "407", behind_proxy), HasSubstr("user and password"));
    EXPECT_THAT(mend(Errc::unavailable, refused + "403", behind_proxy), HasSubstr("no_proxy"));
    EXPECT_THAT(mend(Errc::unavailable, "proxy p.example:3128: no proper answer to CONNECT", behind_proxy),
                HasSubstr("correct url in [proxy]"));
}

TEST(Mending, ACertificateThatIsNotTaken) {
    const std::string wrong = "hub.example:443 is not trusted: its certificate CN=hub ";
    EXPECT_THAT(mend(Errc::unauthorized, wrong + "expired on 2026-01-01T00:00:00Z"), HasSubstr("timedatectl"));
    EXPECT_THAT(mend(Errc::unauthorized, wrong + "is for other names than hub.example"), HasSubstr("correct the hub"));
    EXPECT_THAT(mend(Errc::unauthorized, wrong + "is self-signed and not trusted here"),
                HasSubstr("global_endpoint_ca"));
    EXPECT_THAT(mend(Errc::unavailable, "TLS handshake with hub.example:443 failed: wrong version number"),
                HasSubstr("look whether the port is right"));
}

}  // namespace
}  // namespace muster::edge::checks
