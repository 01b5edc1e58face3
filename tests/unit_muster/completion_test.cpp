// The script is run by bash itself: what readline would offer for a line is what is compared.
#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/text.h"
#include "fixture.h"

namespace muster::cli {
namespace {

std::string shell(const std::string& command) {
    std::FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {};
    std::string out;
    std::array<char, 4096> buffer;
    while (const auto size = std::fread(buffer.data(), 1, buffer.size(), pipe)) out.append(buffer.data(), size);
    ::pclose(pipe);
    return out;
}

class Completion : public testing::Test {
protected:
    // The last word is the one being typed.
    std::vector<std::string> complete(const std::vector<std::string>& words) const {
        std::string quoted;
        for (const auto& word : words) quoted += fmt::format("'{}' ", word);
        const auto driver =
            directory_.write("driver", fmt::format("set -u +u; source {}\nCOMP_WORDS=({})\nCOMP_CWORD={}\n"
                                                   "_muster\nprintf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
                                                   script_, quoted, words.size() - 1));
        std::vector<std::string> offers;
        for (const auto line : split(shell("cd " + directory_.path().string() + " && bash " + driver), '\n')) {
            if (!line.empty()) offers.emplace_back(line);
        }
        return offers;
    }

    TemporaryDirectory directory_;
    std::string script_ = directory_.write("script", run_command({"completion", "bash"}).out);
};

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

TEST_F(Completion, OffersCommands) {
    EXPECT_THAT(complete({"muster", ""}), IsSupersetOf({"enrollment", "device", "status", "trust", "completion"}));
    EXPECT_THAT(complete({"muster", "enr"}), ElementsAre("enrollment", "enrollment-group"));
    EXPECT_THAT(complete({"muster", "enrollment", ""}), ElementsAre("create", "show", "list", "update", "delete"));
}

TEST_F(Completion, OffersTheOptionsOfTheCommand) {
    const auto offers = complete({"muster", "enrollment", "create", "dev-1", "--"});
    EXPECT_THAT(offers, IsSupersetOf({"--certificate-path", "--initial-twin-tags", "--output", "--data-dir"}));
    EXPECT_THAT(offers, Not(Contains("--remove-certificate")));
    EXPECT_THAT(complete({"muster", "enrollment", "update", "--remove-c"}), ElementsAre("--remove-certificate"));
}

TEST_F(Completion, OffersValues) {
    EXPECT_THAT(complete({"muster", "device", "list", "--output", ""}), ElementsAre("table", "json"));
    EXPECT_THAT(complete({"muster", "device", "list", "-o", "j"}), ElementsAre("json"));
    EXPECT_THAT(complete({"muster", "device", "list", "--output", "=", "j"}), ElementsAre("json"));
    EXPECT_THAT(complete({"muster", "device", "list", "--output", "="}), ElementsAre("table", "json"));
    EXPECT_THAT(complete({"muster", "enrollment", "create", "d", "--rp", "never"}), ElementsAre("never"));
}

TEST_F(Completion, OffersFilesAndDirectories) {
    directory_.write("ca.pem", "");
    std::filesystem::create_directory(directory_.path() / "certs");
    EXPECT_THAT(complete({"muster", "enrollment", "create", "--certificate-path", "c"}),
                testing::UnorderedElementsAre("ca.pem", "certs"));
    EXPECT_THAT(complete({"muster", "enrollment", "create", "--data-dir", "c"}), ElementsAre("certs"));
}

TEST_F(Completion, OffersNothingWhereAnythingMayStand) {
    EXPECT_THAT(complete({"muster", "enrollment", "create", "--device-id", ""}), IsEmpty());
    EXPECT_THAT(complete({"muster", "enrollment", "show", ""}), IsEmpty());
}

TEST_F(Completion, AValueIsNotTakenForACommand) {
    EXPECT_THAT(complete({"muster", "enrollment", "list", "--data-dir", "show", "--t"}), ElementsAre("--top"));
}

}  // namespace
}  // namespace muster::cli
