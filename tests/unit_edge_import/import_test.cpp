// Configurations of IoT Edge 1.1, and what today's reader says of their translations.
#include "edge/import/import.h"

#include <gmock/gmock.h>

#include "edge/config/super_config.h"

namespace muster::edge::import {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> problems_of(const std::string& toml) {
    auto config = Config::parse(toml, "imported");
    if (!config) return {config.error().chain()};
    (void)understand(*config);
    std::vector<std::string> out;
    for (const auto& problem : config->problems()) out.push_back(problem.text());
    return out;
}

struct Case {
    const char* name;
    const char* yaml;
    std::vector<std::string> lines;  // of the translation
};
class Translated : public ::testing::TestWithParam<Case> {};

TEST_P(Translated, IsUnderstoodToday) {
    const auto made = from_yaml(GetParam().yaml);
    ASSERT_TRUE(made) << made.error().chain();
    EXPECT_THAT(problems_of(made->toml), IsEmpty()) << made->toml;
    EXPECT_THAT(made->notes, IsEmpty());
    for (const auto& line : GetParam().lines) EXPECT_THAT(made->toml, HasSubstr(line));
}

INSTANTIATE_TEST_SUITE_P(
    Configurations, Translated,
    ::testing::Values(
        Case{"manual",
             "provisioning:\n  source: manual\n  device_connection_string: "
             "\"HostName=h;DeviceId=d;SharedAccessKey=YQ==\"\n",
             {"source = \"manual\"", "connection_string = \"HostName=h;DeviceId=d;SharedAccessKey=YQ==\"",
              "auto_reprovisioning_mode = \"OnErrorOnly\""}},
        Case{"manual_in_authentication",
             "provisioning:\n  source: manual\n  authentication:\n    method: device_connection_string\n"
             "    device_connection_string: \"HostName=h;DeviceId=d;SharedAccessKey=YQ==\"\n",
             {"connection_string = "}},
        Case{"manual_x509",
             "provisioning:\n  source: manual\n  authentication:\n    method: x509\n    iothub_hostname: h.example\n"
             "    device_id: d\n    identity_cert: /c.pem\n    identity_pk: file:///k.pem\n",
             {"iothub_hostname = \"h.example\"", "identity_cert = \"file:///c.pem\"",
              "identity_pk = \"file:///k.pem\""}},
        Case{"dps_symmetric_key",
             "provisioning:\n  source: dps\n  global_endpoint: https://g.example\n  scope_id: 0ne1\n  attestation:\n"
             "    method: symmetric_key\n    registration_id: r\n    symmetric_key: YQ==\n"
             "  always_reprovision_on_startup: true\n",
             {"symmetric_key = { value = \"YQ==\" }", "auto_reprovisioning_mode = \"AlwaysOnStartup\"",
              "id_scope = \"0ne1\""}},
        Case{"dps_tpm",
             "provisioning:\n  source: dps\n  global_endpoint: https://g.example\n  scope_id: 0ne1\n  attestation:\n"
             "    method: tpm\n    registration_id: r\n  dynamic_reprovisioning: true\n",
             {"method = \"tpm\"", "auto_reprovisioning_mode = \"Dynamic\""}},
        Case{"the_rest",
             "hostname: press-1\nprovisioning:\n  source: manual\n  device_connection_string: "
             "\"HostName=h;DeviceId=d;SharedAccessKey=YQ==\"\ncertificates:\n  auto_generated_ca_lifetime_days: 30\n"
             "watchdog:\n  max_retries: infinite\nmoby_runtime:\n  uri: unix:///var/run/docker.sock\n  network: mine\n"
             "agent:\n  name: edgeAgent\n  type: docker\n  env:\n    A: b\n  config:\n    image: r/agent:1.6\n    "
             "auth:\n"
             "      serveraddress: r\n      username: u\n      password: p\n",
             {"hostname = \"press-1\"", "auto_generated_edge_ca_expiry_days = 30", "max_retries = \"infinite\"",
              "network = \"mine\"", "A = \"b\"", "password = \"p\""}}),
    [](const auto& info) { return info.param.name; });

TEST(Import, WhatHasNoSuccessorIsNoted) {
    const auto made = from_yaml(
        "provisioning:\n  source: manual\n  device_connection_string: \"HostName=h;DeviceId=d;SharedAccessKey=YQ==\"\n"
        "telemetry:\n  level: 3\n  where: [a, b]\nhomedir: /var/lib/iotedge\n");
    ASSERT_TRUE(made);
    EXPECT_THAT(made->notes,
                ElementsAre(HasSubstr("telemetry.level was left out"), HasSubstr("telemetry.where was left out")));
}

TEST(Import, TextStaysTextAndNumbersNumbers) {
    const auto made = from_yaml(
        "provisioning:\n  source: manual\n  device_connection_string: \"HostName=h;DeviceId=d;SharedAccessKey=YQ==\"\n"
        "agent:\n  config:\n    image: a:1.6\n    createOptions:\n      A: 1\n      B: \"1\"\n      C: true\n      D: "
        "x\n      "
        "E: [1, \"y\"]\n");
    ASSERT_TRUE(made) << made.error().chain();
    EXPECT_THAT(made->toml, HasSubstr(R"(createOptions = { A = 1, B = "1", C = true, D = "x", E = [1, "y"] })"));
}

TEST(Import, WhatCannotBeTranslatedIsRefused) {
    EXPECT_EQ(from_yaml("provisioning:\n  source: external\n").error().code(), Errc::unsupported);
    EXPECT_THAT(from_yaml("hostname: x\n").error().chain(), HasSubstr("provisioning.source is missing"));
    EXPECT_THAT(from_yaml("a: [\n").error().chain(), HasSubstr("line 2"));
    EXPECT_FALSE(from_yaml("just text"));
    EXPECT_FALSE(from_yaml(""));
    EXPECT_THAT(from_yaml("provisioning:\n  source: dps\n  attestation: {method: x509}\n").error().chain(),
                HasSubstr("scope_id is missing"));
}

TEST(Import, ASmallFileThatMeansAHugeOneIsRefused) {
    std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
    for (char name = 'b'; name < 'k'; ++name) {
        const char before = static_cast<char>(name - 1);
        bomb += fmt::format("{0}: &{0} [*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1}]\n", name, before);
    }
    EXPECT_EQ(from_yaml(bomb).error().code(), Errc::too_large);
    EXPECT_EQ(from_yaml("a: &a [*a]\n").error().code(), Errc::too_large);
    EXPECT_FALSE(from_yaml(std::string(5000, '[')));
}

}  // namespace
}  // namespace muster::edge::import
