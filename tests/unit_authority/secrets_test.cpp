// Keys that come from the database are not left in memory that was given back.
#include "authority_fixture.h"
#include "support/memory_search.h"

namespace muster::authority {
namespace {

using test::HiddenText;

class SecretsTest : public AuthorityFixture {
protected:
    void SetUp() override {
        if (!database_ || !HiddenText::can_be_searched_for) GTEST_SKIP() << "of a shared database";
        AuthorityFixture::SetUp();
    }

    // What libpq holds of the last answer on each connection is its own affair: a longer answer takes its place.
    void read_something_long() {
        write([&](store::Tx& tx) {
            return tx.shared_files().put({"long", Secret(std::string(200'000, 'x')), 1, clock_.now()});
        });
        for (int i = 0; i < 40; ++i) {
            EXPECT_TRUE(run(store_->read([](store::Tx& tx) { return tx.shared_files().find("long"); })));
            write([&](store::Tx& tx) -> Result<> {
                MUSTER_CHECK(tx.shared_files().find("long"));
                return {};
            });
        }
    }
    // In the middle of a text, so that its beginning is free for what an allocator writes there.
    static HiddenText hidden(std::string_view text) { return HiddenText(text.substr(text.size() / 2, 20)); }
};

TEST_F(SecretsTest, AWitnessIsFound) {
    const auto text = std::make_unique<std::string>("a secret that is still here, in a place of its own");
    EXPECT_GE(hidden(*text).count(), 1);
}

TEST_F(SecretsTest, KeysOfTheAuthority) {
    switch_on();
    const auto key = hidden(authority_.issuing()->key->to_pem()->text());
    Authority another(*store_, clock_, random_, directory_ / "b", {});
    ASSERT_TRUE(another.load());
    ASSERT_TRUE(run(another.status()));
    read_something_long();
    EXPECT_EQ(key.count(), 0);
}

TEST_F(SecretsTest, KeysOfGroups) {
    // Made by the database, so that this process has them from there alone.
    auto text = base64_encode(pki::sha256(as_bytes("seed")));
    const auto key = hidden(text);
    wipe(text.data(), text.size());
    put_group("keys");
    database_->run(
        "UPDATE enrollment_group SET primary_key = encode(sha256('seed'), 'base64'), "
        "secondary_key = encode(sha256('seed'), 'base64')");
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(groups_.refresh()));
    ASSERT_EQ(groups_.current()->key_groups().size(), 1u);
    read_something_long();
    EXPECT_EQ(key.count(), 0);
}

}  // namespace
}  // namespace muster::authority
