// Addresses that operators give, in the parts that the HTTP client takes.
#include "links/url.h"

#include <gtest/gtest.h>

namespace muster::links {
namespace {

TEST(Url, FallsIntoOriginAndTarget) {
    const auto parts = [](const std::string& url) {
        const auto [origin, target] = split_url(url);
        return origin + " " + target;
    };
    EXPECT_EQ(parts("http://ca.test"), "http://ca.test /");
    EXPECT_EQ(parts("HTTPS://Ca.Test:8443/a/b.crl?c=d"), "https://Ca.Test:8443 /a/b.crl?c=d");
    EXPECT_EQ(parts("http://ca.test?x=/y"), "http://ca.test /?x=/y");
    EXPECT_EQ(parts("http://ca.test/a#part"), "http://ca.test /a");
    EXPECT_EQ(parts("http://ca.test#part"), "http://ca.test /");
    EXPECT_EQ(parts("https://[2001:db8::1]:80/x"), "https://[2001:db8::1]:80 /x");
}

}  // namespace
}  // namespace muster::links
