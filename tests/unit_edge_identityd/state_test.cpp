#include "edge/identityd/state.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "device.h"
#include "edge/identityd/cloud_answer.h"
#include "fake_cloud.h"

namespace muster::edge::identityd {
namespace {

class Stored : public ::testing::Test {
protected:
    testing::Device device;  // for its directory
    std::filesystem::path home = device.paths().root() / "state";
    State state = State::open(home).value();
    DeviceIdentity identity{"hub:8443", "hub:8443", "dev \"1\"", "abc"};
};

TEST_F(Stored, AnIdentityComesBack) {
    EXPECT_FALSE(state.load_identity());
    ASSERT_TRUE(state.save_identity(identity));
    EXPECT_EQ(state.load_identity(), identity);
}

TEST_F(Stored, TheOriginalsFileIsUnderstood) {
    ASSERT_TRUE(write_file_atomic(home / "device_info",
                                  "hub_name = \"h\"\nlocal_gateway_hostname = \"h\"\ndevice_id = \"d\"\n", 0600));
    EXPECT_EQ(state.load_identity(), (DeviceIdentity{"h", "h", "d", ""}));
}

TEST_F(Stored, ADamagedFileIsNoIdentityAndStays) {
    for (const auto* text : {"", "hub_name = ", "hub_name = \"h\"\n", "hub_name = \"\"\ndevice_id = \"d\"\n"}) {
        ASSERT_TRUE(write_file_atomic(home / "device_info", text, 0600));
        EXPECT_FALSE(state.load_identity()) << text;
        EXPECT_TRUE(std::filesystem::exists(home / "device_info"));
    }
}

TEST_F(Stored, ModulesAreKeptByHubAndDevice) {
    const HubModule module{"$edgeAgent", "dev", "gen1", "iotEdge", "sas"};
    ASSERT_TRUE(state.save_module(identity, module));
    EXPECT_EQ(state.load_module(identity, "$edgeAgent"), module);
    EXPECT_EQ(state.load_modules(identity), std::vector{module});
    auto other = identity;
    other.hub = "elsewhere";
    EXPECT_FALSE(state.load_module(other, "$edgeAgent"));
    const auto hash = [](const std::string& text) { return hex_encode(pki::sha256(as_bytes(text))); };
    const auto path =
        home / "modules" / (hash(identity.hub) + "-" + hash(identity.device_id)) / ("edgeAgent-" + hash("$edgeAgent"));
    EXPECT_EQ(read_file(path).value_or("").find("ymmetric"), std::string::npos);
    ASSERT_TRUE(state.remove_module(identity, "$edgeAgent"));
    EXPECT_FALSE(state.load_module(identity, "$edgeAgent"));
}

TEST_F(Stored, ModuleNamesComeBack) {
    ASSERT_TRUE(state.save_module_names({"a", "b"}));
    EXPECT_EQ(state.load_module_names(), (std::vector<std::string>{"a", "b"}));
    // The original's copy of its settings: the daemon among the principals is no module.
    ASSERT_TRUE(write_file_atomic(home / "prev_state",
                                  "hostname = \"h\"\n[[principal]]\nuid = 1\nname = \"aziot-edge\"\n"
                                  "[[principal]]\nuid = 2\nname = \"m\"\nidtype = [\"device\", \"module\"]\n",
                                  0600));
    EXPECT_EQ(state.load_module_names(), (std::vector<std::string>{"m"}));
}

TEST_F(Stored, OpeningSweepsWhatAKillLeft) {
    ASSERT_TRUE(write_file_atomic(home / ".device_info.123.tmp", "half", 0600));
    ASSERT_TRUE(State::open(home));
    EXPECT_FALSE(std::filesystem::exists(home / ".device_info.123.tmp"));
}

TEST(CloudAnswer, ARefusalNamesWhatTheServiceSaid) {
    const auto answer = testing::json_answer(
        401, json::object{{"errorCode", 401002}, {"trackingId", "abc-1"}, {"message", "Unauthorized\n"}});
    const auto error = refusal("DPS refused", answer);
    EXPECT_EQ(error.message(), "DPS refused: HTTP 401, errorCode 401002, trackingId abc-1: Unauthorized\\x0a");
    EXPECT_EQ(error.code(), Errc::unauthorized);
    net::HttpResponse html;
    html.status = 502;
    html.body = "<html>";
    EXPECT_EQ(refusal("x", html).message(), "x: HTTP 502: <html>");
    EXPECT_EQ(refusal("x", html).code(), Errc::unavailable);
}

TEST(CloudAnswer, RetryAfterIsAWholeNumberWithinBounds) {
    EXPECT_EQ(retry_after(testing::json_answer(202, {}, "7")), std::chrono::seconds(7));
    EXPECT_EQ(retry_after(testing::json_answer(202, {}, "99999")), std::chrono::seconds(300));
    for (const auto* text : {"", "0", "-1", "1.5", "Tue, 24 Nov 2026 08:00:00 GMT"})
        EXPECT_FALSE(retry_after(testing::json_answer(202, {}, text))) << text;
}

TEST(CloudAnswer, TheServicesTime) {
    const auto with_date = [](const std::string& text) {
        net::HttpResponse response;
        response.headers.add("Date", text);
        return date_of(response);
    };
    EXPECT_EQ(with_date("Thu, 26 Nov 2026 17:30:00 GMT"), parse_utc("2026-11-26T17:30:00Z"));
    for (const auto* text :
         {"", "Thu, 26 Nov 2026 17:30:00", "Thursday, 26-Nov-26 17:30:00 GMT", "2026-11-26T17:30:00Z",
          "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 26 Nov 2026 17:30:00 GMT and more"})
        EXPECT_FALSE(with_date(text)) << text;
}

}  // namespace
}  // namespace muster::edge::identityd
