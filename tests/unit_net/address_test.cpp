#include "net/address.h"

#include <gtest/gtest.h>

namespace muster::net {
namespace {

TEST(HostPort, IsReadInEveryForm) {
    EXPECT_EQ(parse_host_port("127.0.0.1:443")->text(), "127.0.0.1:443");
    EXPECT_EQ(parse_host_port("[::1]:8443")->host, "::1");
    EXPECT_EQ(parse_host_port("[::1]:8443")->text(), "[::1]:8443");
    EXPECT_EQ(parse_host_port("example", 443)->port, 443);
}

TEST(HostPort, RefusesWhatIsNotOne) {
    for (const char* text : {"", ":443", "host:", "host:70000", "host:-1", "[::1", "host:4a"}) {
        EXPECT_FALSE(parse_host_port(text, 443)) << text;
    }
    EXPECT_FALSE(parse_host_port("host"));
}

TEST(IpLiteral, IsToldFromAName) {
    EXPECT_TRUE(is_ip_literal("10.0.0.1"));
    EXPECT_TRUE(is_ip_literal("::1"));
    EXPECT_FALSE(is_ip_literal("localhost"));
}

}  // namespace
}  // namespace muster::net
