#include "net/proxy.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace muster::net {
namespace {

TEST(Proxy, HostsAreExceptedByNameDomainAddressAndNetwork) {
    const ProxyRules rules{"http://proxy:3128",
                           {"localhost", ".plant.example", "10.0.0.1", "192.168.0.0/16", "fd00::/8"}};
    for (const auto* direct :
         {"localhost", "LOCALHOST", "dps.PLANT.example", "plant.example", "10.0.0.1", "192.168.7.9", "fd00::1"})
        EXPECT_FALSE(rules.on_the_way_to(direct)) << direct;
    for (const auto* through : {"dps.example", "otherplant.example", "10.0.0.2", "192.169.0.1", "fe80::1",
                                "192.168.0.0.example", "localhost.example"})
        EXPECT_EQ(rules.on_the_way_to(through), "http://proxy:3128") << through;
}

TEST(Proxy, AStarExceptsAllAndNoUrlIsNoProxy) {
    EXPECT_FALSE((ProxyRules{"http://proxy:3128", {"*"}}.on_the_way_to("dps.example")));
    EXPECT_FALSE(ProxyRules{}.on_the_way_to("dps.example"));
    EXPECT_TRUE((ProxyRules{"http://proxy:3128", {"", "/", "1/2"}}.on_the_way_to("1.2.3.4")))
        << "nonsense excepts nothing";
}

TEST(Proxy, TheHostAloneOfAnAddress) {
    for (const auto* named :
         {"https://dps.example:443/path:1", "https://dps.example", "dps.example:8883", "dps.example"})
        EXPECT_EQ(host_of(named), "dps.example") << named;
    for (const auto* address : {"https://[::1]:443/", "[::1]:443", "[::1]"})
        EXPECT_EQ(host_of(address), "::1") << address;
    EXPECT_EQ(host_of(""), "");
}

TEST(Proxy, TheEnvironmentInUpperAndLowerCase) {
    ::unsetenv("HTTPS_PROXY");
    ::setenv("https_proxy", "http://lower:3128", 1);
    ::setenv("NO_PROXY", "localhost, .plant.example,,", 1);
    const auto rules = ProxyRules::from_environment();
    EXPECT_EQ(rules.url, "http://lower:3128");
    EXPECT_EQ(rules.exceptions, (std::vector<std::string>{"localhost", ".plant.example"}));
    ::setenv("HTTPS_PROXY", "http://upper:3128", 1);
    EXPECT_EQ(ProxyRules::from_environment().url, "http://upper:3128");
    for (const auto* name : {"HTTPS_PROXY", "https_proxy", "NO_PROXY"}) ::unsetenv(name);
    EXPECT_EQ(ProxyRules::from_environment().url, "");
}

}  // namespace
}  // namespace muster::net
