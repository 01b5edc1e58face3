// Every example of the template is taken out of its comment and read: what it shows must be right. An example whose
// explanation says "Comes with a later version" must be refused with exactly that.
#include <gmock/gmock.h>

#include <fstream>

#include "base/file.h"
#include "base/text.h"
#include "edge/config/super_config.h"

namespace muster::edge {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path template_file =
    std::filesystem::path(MUSTER_SOURCE_DIR) / "packaging/device/config.toml.edge.template";

struct Block {
    std::string explanation;
    std::vector<std::string> lines;  // uncommented once
    std::size_t line;
};

std::vector<Block> blocks() {
    const auto text = read_file(template_file);
    EXPECT_TRUE(text);
    std::vector<Block> out;
    std::string explanation;
    bool open = false;
    std::size_t number = 0;
    for (const auto line : split(*text, '\n')) {
        ++number;
        if (line.starts_with("##")) {
            // A new explanation begins after a block or at the first line.
            explanation += std::string(line) + "\n";
        } else if (line.starts_with("#")) {
            if (!open) out.push_back({explanation, {}, number});
            open = true;
            out.back().lines.emplace_back(line.substr(line.starts_with("# ") ? 2 : 1));
        } else {
            EXPECT_EQ(line, "") << "line " << number << " is neither explanation nor example";
            if (open) explanation.clear();
            open = false;
        }
    }
    return out;
}

std::string joined(const std::vector<std::string>& lines, bool options) {
    std::string out;
    for (const auto& line : lines) {
        // An option of a block stays a comment the first time; its explanation is one that never becomes TOML.
        const bool option = line.starts_with("# ") && line.find(" = ") != std::string::npos;
        out += (option && options ? line.substr(2) : line) + "\n";
    }
    return out;
}

const std::string base_text = R"([provisioning]
source = "dps"
global_endpoint = "https://dps.example"
id_scope = "0ne00ABCDEF"
[provisioning.attestation]
method = "x509"
identity_cert = "file:///c.pem"
identity_pk = "file:///k.pem"
)";

std::string in_context(const std::string& text) {
    if (text.find("[provisioning]") != std::string::npos) return text;
    return text.starts_with('[') ? base_text + text : text + base_text;
}

void examine(const Block& block, bool options) {
    SCOPED_TRACE("template line " + std::to_string(block.line) + ":\n" + joined(block.lines, options));
    auto config = Config::parse(in_context(joined(block.lines, options)), "template");
    ASSERT_TRUE(config) << config.error().chain();
    (void)understand(*config);
    const auto problems = config->problems();
    if (block.explanation.find("Not possible together with provisioning through DPS") != std::string::npos) {
        ASSERT_EQ(problems.size(), 1U);
        EXPECT_THAT(problems[0].message, HasSubstr("nested edge"));
    } else {
        for (const auto& problem : problems) ADD_FAILURE() << problem.text();
    }
}

TEST(Template, EveryExampleIsValid) {
    const auto all = blocks();
    EXPECT_GT(all.size(), 30U);
    for (const auto& block : all) {
        examine(block, false);
        examine(block, true);
    }
}

TEST(Template, AsItIsItAsksForProvisioningAlone) {
    auto config = Config::load(template_file);
    ASSERT_TRUE(config) << config.error().chain();
    (void)understand(*config);
    ASSERT_EQ(config->problems().size(), 1U);
    EXPECT_EQ(config->problems()[0].key, "provisioning");
}

TEST(Template, TheHowToFindsItsBlock) {
    const auto text = read_file(template_file);
    ASSERT_TRUE(text);
    EXPECT_THAT(*text, HasSubstr("\n## DPS provisioning with X.509 certificate\n"));
}

}  // namespace
}  // namespace muster::edge
