#include "edge/config/values.h"

#include <gmock/gmock.h>

namespace muster::edge {
namespace {

using ::testing::HasSubstr;

TEST(RegistrationId, FormsOfTheService) {
    for (const auto* good : {"a", "press-7", "a.b_c:d-", "A1", "0"}) EXPECT_FALSE(check_registration_id(good)) << good;
    for (const auto* bad : {"", "a b", "a/b", "a.", "a:", "é", "REGISTRATION_ID_HERE"})
        EXPECT_TRUE(check_registration_id(bad)) << bad;
    EXPECT_FALSE(check_registration_id(std::string(128, 'a')));
    EXPECT_TRUE(check_registration_id(std::string(129, 'a')));
    EXPECT_THAT(*check_registration_id("press 7"), HasSubstr("\" \" at place 6"));
}

TEST(IdScope, LettersAndDigits) {
    EXPECT_FALSE(check_id_scope("0ne00ABCDEF"));
    for (const auto* bad : {"", "0ne 1", "SCOPE_ID_HERE", "0ne\n"}) EXPECT_TRUE(check_id_scope(bad)) << bad;
}

TEST(Hostname, Rfc1123) {
    for (const auto* good : {"a", "press-7", "press-7.plant.example", "10.0.0.1", "3com"})
        EXPECT_FALSE(check_hostname(good)) << good;
    for (const auto* bad : {"", "a..b", "-a", "a-", "a_b", "a b", ".", "a."}) EXPECT_TRUE(check_hostname(bad)) << bad;
    EXPECT_TRUE(check_hostname(std::string(64, 'a')));
}

TEST(RenewalPolicy, PercentMinutesDays) {
    for (const auto* good : {"1%", "99%", "5min", "30day"}) EXPECT_FALSE(check_renewal_policy(good)) << good;
    for (const auto* bad : {"", "0%", "100%", "80", "5 min", "5days", "-1%", "%", "99999999999min"})
        EXPECT_TRUE(check_renewal_policy(bad)) << bad;
}

TEST(Duration, SumsOfUnits) {
    EXPECT_EQ(parse_duration("7d"), std::chrono::days(7));
    EXPECT_EQ(parse_duration("1h 30m"), std::chrono::minutes(90));
    EXPECT_EQ(parse_duration("2 days"), std::chrono::days(2));
    EXPECT_EQ(parse_duration("1week"), std::chrono::days(7));
    for (const auto* bad : {"", "7", "d", "7x", "99999999999999y", "1h-2m", "999999999999999999999d"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Endpoint, IsNormalised) {
    const auto plain = parse_endpoint("https://Global.azure-devices-provisioning.net");
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->normalised, "https://global.azure-devices-provisioning.net/");
    EXPECT_EQ(plain->port, "443");
    const auto port = parse_endpoint("https://localhost:8443/");
    ASSERT_TRUE(port);
    EXPECT_EQ(port->normalised, "https://localhost:8443/");
    const auto six = parse_endpoint("https://[::1]:8443");
    ASSERT_TRUE(six);
    EXPECT_EQ(six->host, "::1");
    EXPECT_EQ(six->normalised, "https://[::1]:8443/");
}

TEST(Endpoint, SaysWhatIsWrong) {
    EXPECT_EQ(parse_endpoint("http://a.b").error().hint(), "\"https://a.b\"");
    EXPECT_EQ(parse_endpoint("a.b").error().hint(), "\"https://a.b\"");
    EXPECT_EQ(parse_endpoint("htps://a.b").error().hint(), "\"https://a.b\"");
    EXPECT_EQ(parse_endpoint("https://a.b/x?y").error().hint(), "\"https://a.b\"");
    for (const auto* bad : {"", "https://", "https://:1", "https://a:0", "https://a:99999", "https://a:b",
                            "https://u@a", "https://[::1", "https://a b"})
        EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

TEST(FileUri, GivesThePath) {
    EXPECT_EQ(*path_of_file_uri("file:///var/a%20b.pem"), "/var/a b.pem");
    EXPECT_EQ(path_of_file_uri("/var/x.pem").error().hint(), "\"file:///var/x.pem\"");
    EXPECT_EQ(path_of_file_uri("file://var/x.pem").error().hint(), "\"file:///var/x.pem\"");
    EXPECT_EQ(path_of_file_uri("file:/var/x.pem").error().hint(), "\"file:///var/x.pem\"");
    for (const auto* bad : {"", "x", "file:", "file://", "https://x", "file:///a%2", "file:///a%00", "file:///d/",
                            "file:///a?b", "DEVICE_IDENTITY_CERTIFICATE_HERE"})
        EXPECT_FALSE(path_of_file_uri(bad)) << bad;
}

}  // namespace
}  // namespace muster::edge
