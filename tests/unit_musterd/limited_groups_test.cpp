#include "musterd/limited_groups.h"

#include <gmock/gmock.h>

#include "support/service_fixture.h"

namespace muster::musterd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LimitedGroupsTest : public test::ServiceFixture {
protected:
    void put(const std::string& id) {
        ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) {
            return tx.enrollment_groups().put({.id = id, .etag = "e", .body = "{}", .primary_certificate = {}});
        }));
    }
    void erase(const std::string& id) {
        ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
            MUSTER_CHECK(tx.enrollment_groups().erase(id));
            return {};
        }));
    }
    const std::set<std::string>& missing() {
        EXPECT_TRUE(run(limited_.look()));
        return limited_.missing();
    }

    LimitedGroups limited_{*store_, {.groups = {{"plant-1", 60}, {"plant-2", 0}}}};
};

TEST_F(LimitedGroupsTest, ThoseThatAreNotThereAreKnown) {
    EXPECT_THAT(missing(), ElementsAre("plant-1", "plant-2"));
    put("Plant-1");
    EXPECT_THAT(missing(), ElementsAre("plant-2")) << "ids are compared without regard to case";
    put("plant-2");
    EXPECT_THAT(missing(), IsEmpty());
    erase("plant-1");
    EXPECT_THAT(missing(), ElementsAre("plant-1"));
}

TEST_F(LimitedGroupsTest, WithoutLimitsThereIsNothingToLookFor) {
    EXPECT_TRUE(limited_.any());
    EXPECT_FALSE(LimitedGroups(*store_, {}).any());
}

}  // namespace
}  // namespace muster::musterd
