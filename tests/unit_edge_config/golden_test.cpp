// Each folder of tests/golden/device_config holds a config.toml and the five files that it must become.
// MUSTER_UPDATE_GOLDEN=1 writes them anew, for reading over before they are committed.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/file.h"
#include "edge/config/generate.h"

namespace muster::edge {
namespace {

const std::filesystem::path golden = std::filesystem::path(MUSTER_SOURCE_DIR) / "tests/golden/device_config";

std::vector<std::string> cases() {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(golden)) out.push_back(entry.path().filename());
    std::ranges::sort(out);
    return out;
}

class Golden : public ::testing::TestWithParam<std::string> {};

void compare(const std::filesystem::path& file, const std::string& made) {
    EXPECT_TRUE(Config::parse(made, file.string())) << made;
    if (std::getenv("MUSTER_UPDATE_GOLDEN") != nullptr) {
        ASSERT_TRUE(write_file_atomic(file, made, 0644));
    }
    const auto wanted = read_file(file);
    ASSERT_TRUE(wanted) << wanted.error().chain();
    EXPECT_EQ(made, *wanted) << file;
}

TEST_P(Golden, BecomesTheFiveFiles) {
    const auto folder = golden / GetParam();
    auto file = Config::load(folder / "config.toml");
    ASSERT_TRUE(file) << file.error().chain();
    const auto config = understand(*file);
    for (const auto& problem : file->problems()) ADD_FAILURE() << problem.text();
    const auto files = generate({config, {5555, 5556, 5558}, "my-device"});
    compare(folder / "keyd.toml", files.keyd);
    compare(folder / "certd.toml", files.certd);
    compare(folder / "identityd.toml", files.identityd);
    compare(folder / "tpmd.toml", files.tpmd);
    compare(folder / "edged.toml", files.edged);
}

std::string case_name(const ::testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::ranges::replace(name, '-', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(DeviceConfig, Golden, ::testing::ValuesIn(cases()), case_name);

TEST(Generate, CarriesAdditionalInformation) {
    auto file = Config::load(golden / "how-to/config.toml");
    ASSERT_TRUE(file);
    const auto config = understand(*file);
    const auto files = generate({config, {1, 2, 3}, "h", {{"site", "plant 3"}}});
    EXPECT_NE(files.edged.find("[additional_info]\nsite = \"plant 3\"\n"), std::string::npos) << files.edged;
}

}  // namespace
}  // namespace muster::edge
