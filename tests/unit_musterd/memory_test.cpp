#include "musterd/memory.h"

#include "directory_fixture.h"

namespace muster::musterd {
namespace {

constexpr std::uint64_t mega = 1 << 20;

TEST(StoreCache, IsAnEighthWithinBounds) {
    EXPECT_EQ(usual_store_cache(64 * mega), 16 * mega);
    EXPECT_EQ(usual_store_cache(512 * mega), 64 * mega);
    EXPECT_EQ(usual_store_cache(1024 * mega), 128 * mega);
    EXPECT_EQ(usual_store_cache(64 * 1024 * mega), 256 * mega);
}

class MemoryTest : public DirectoryTest {
protected:
    std::uint64_t usable() { return usable_memory(directory_); }
    const std::uint64_t installed_ = usable_memory(directory_);  // nothing is said of groups
};

TEST_F(MemoryTest, IsWhatTheMachineHas) {
    EXPECT_GT(installed_, 64 * mega);
    write("proc/self/cgroup", "0::/system.slice/muster.service\n");
    write("sys/fs/cgroup/system.slice/muster.service/memory.max", "max\n");
    EXPECT_EQ(usable(), installed_);
}

TEST_F(MemoryTest, IsWhatTheGroupAllows) {
    write("proc/self/cgroup", "0::/system.slice/muster.service\n");
    write("sys/fs/cgroup/system.slice/muster.service/memory.max", "33554432\n");
    EXPECT_EQ(usable(), 32 * mega);
    // And no more than those above.
    write("sys/fs/cgroup/system.slice/memory.max", "16777216\n");
    EXPECT_EQ(usable(), 16 * mega);
}

TEST_F(MemoryTest, IsWhatTheContainersOwnGroupAllows) {
    write("proc/self/cgroup", "0::/../../kubepods/pod1\n");
    write("sys/fs/cgroup/memory.max", "33554432\n");
    EXPECT_EQ(usable(), 32 * mega);
}

TEST_F(MemoryTest, KnowsTheOlderGroups) {
    write("proc/self/cgroup", "4:cpu,cpuacct:/x\n3:memory:/docker/abc\n0::/\n");
    write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "33554432\n");
    EXPECT_EQ(usable(), 32 * mega);
}

TEST_F(MemoryTest, NonsenseIsNoLimit) {
    write("proc/self/cgroup", "0\n\n:::\n0::\n");
    write("sys/fs/cgroup/memory.max", "-7 pages\n");
    EXPECT_EQ(usable(), installed_);
}

}  // namespace
}  // namespace muster::musterd
