#include "edge/config/file_set.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

namespace muster::edge {
namespace {

class FileSetTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/muster-set-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        root_ = name;
        for (const auto* service : {"a", "b", "c"}) {
            std::filesystem::create_directories(root_ / service);
            directories_.push_back(root_ / service);
        }
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    std::filesystem::path journal() const { return root_ / ".apply-journal"; }

    std::vector<NewFile> set(const std::string& content) const {
        std::vector<NewFile> files;
        for (const auto& directory : directories_)
            files.push_back(
                {directory / "00-super.toml", content + directory.filename().string(), 0600, {geteuid(), getegid()}});
        return files;
    }

    // The content that all have; "mixed" when they differ.
    std::string state() const {
        std::optional<std::string> common;
        for (const auto& directory : directories_) {
            const auto text = read_file(directory / "00-super.toml");
            auto content = text ? text->substr(0, text->size() - 1) : std::string("none");
            if (common && *common != content) return "mixed";
            common = std::move(content);
        }
        return *common;
    }

    std::size_t hidden_files() const {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(root_))
            if (entry.path().filename().string().starts_with('.')) ++count;
        return count;
    }

    // Writes in a child that is killed before step number `at`; false when it came to its end.
    bool write_and_die(const std::string& content, int at) const {
        const pid_t child = fork();
        if (child == 0) {
            int step = 0;
            const auto written = write_file_set(journal(), set(content), [&](std::string_view) {
                if (step++ == at) kill(getpid(), SIGKILL);
            });
            _exit(written ? 0 : 1);
        }
        int status = 0;
        waitpid(child, &status, 0);
        if (WIFEXITED(status)) {
            EXPECT_EQ(WEXITSTATUS(status), 0);
            return false;
        }
        return true;
    }

    std::filesystem::path root_;
    std::vector<std::filesystem::path> directories_;
};

TEST_F(FileSetTest, WritesAllWithMode) {
    ASSERT_TRUE(write_file_set(journal(), set("one")));
    EXPECT_EQ(state(), "one");
    EXPECT_EQ(hidden_files(), 0U);
    struct stat status{};
    ASSERT_EQ(stat((directories_[0] / "00-super.toml").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
}

TEST_F(FileSetTest, KilledAtEveryStepItIsOldOrNewAfterRecovery) {
    ASSERT_TRUE(write_file_set(journal(), set("old")));
    std::map<Recovery, int> seen;
    int step = 0;
    for (; write_and_die("new", step); ++step) {
        const auto recovered = recover_file_set(journal(), directories_);
        ASSERT_TRUE(recovered) << recovered.error().chain();
        ++seen[*recovered];
        const auto after = state();
        EXPECT_EQ(after, *recovered == Recovery::finished ? "new" : "old") << "step " << step;
        EXPECT_EQ(hidden_files(), 0U) << "step " << step;
        ASSERT_TRUE(write_file_set(journal(), set("old")));
    }
    // Three files staged, the journal, three renames, the journal removed.
    EXPECT_EQ(step, 8);
    EXPECT_EQ(seen[Recovery::finished], 4);
    EXPECT_EQ(seen[Recovery::undone] + seen[Recovery::nothing], 4);
    EXPECT_EQ(state(), "new");
}

TEST_F(FileSetTest, AFailedStageLeavesTheOld) {
    ASSERT_TRUE(write_file_set(journal(), set("old")));
    auto files = set("new");
    files[2].target = root_ / "absent" / "x";
    EXPECT_FALSE(write_file_set(journal(), files));
    EXPECT_EQ(state(), "old");
    EXPECT_EQ(hidden_files(), 0U);
}

TEST_F(FileSetTest, RecoveryOfNothingIsNothing) {
    EXPECT_EQ(*recover_file_set(journal(), directories_), Recovery::nothing);
    EXPECT_EQ(*recover_file_set(journal(), {root_ / "absent"}), Recovery::nothing);
}

TEST_F(FileSetTest, ADamagedJournalIsReportedNotGuessed) {
    std::ofstream(journal()) << "{\"files\": [1]}";
    EXPECT_FALSE(recover_file_set(journal(), directories_));
    std::filesystem::remove(journal());
    std::filesystem::create_symlink("/etc/passwd", journal());
    EXPECT_FALSE(recover_file_set(journal(), directories_));
}

}  // namespace
}  // namespace muster::edge
