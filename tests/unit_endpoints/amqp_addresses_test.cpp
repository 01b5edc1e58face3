// The addresses of links, and the user names of SASL PLAIN.
#include <gtest/gtest.h>

#include "endpoints/amqp_provisioning.h"

namespace muster::endpoints {
namespace {

TEST(RegistrationAddress, IsReadInTheFormsOfAllSdks) {
    for (const auto* text :
         {"0ne1/registrations/press-1", "/0ne1/registrations/press-1", "amqps://dps.example/0ne1/registrations/press-1",
          "amqps://dps.example:5671/0ne1/Registrations/press%2D1"}) {
        const auto address = parse_registration_address(text);
        ASSERT_TRUE(address.has_value()) << text;
        EXPECT_EQ(address->scope, "0ne1") << text;
        EXPECT_EQ(address->registration_id, "press-1") << text;
    }
}

TEST(RegistrationAddress, IsNothingElse) {
    for (const auto* text : {"", "/", "0ne1", "0ne1/registrations", "0ne1/registrations/", "/registrations/x",
                             "0ne1/devices/x", "0ne1/registrations/x/y", "0ne1/registrations/x%",
                             "0ne1/registrations/x%00", "amqps://host", "amqps://host/x", "$cbs", "messages/events"}) {
        EXPECT_FALSE(parse_registration_address(text).has_value()) << text;
    }
}

}  // namespace
}  // namespace muster::endpoints
