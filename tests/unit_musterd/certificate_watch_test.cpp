#include "musterd/certificate_watch.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <fstream>

#include "base/file.h"

namespace muster::musterd {
namespace {

namespace fs = std::filesystem;

class CertificateWatchTest : public ::testing::Test {
protected:
    CertificateWatchTest() {
        std::string pattern = (fs::temp_directory_path() / "muster-watch-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~CertificateWatchTest() override { fs::remove_all(directory_); }

    fs::path write(const char* name, std::string_view content) {
        const auto path = directory_ / name;
        EXPECT_TRUE(write_file_atomic(path, content, 0600));
        return path;
    }
    // Whether the kernel has told of something.
    static bool told(const CertificateWatch& watch) {
        pollfd polled{watch.fd(), POLLIN, 0};
        return ::poll(&polled, 1, 0) == 1;
    }

    fs::path directory_;
};

TEST_F(CertificateWatchTest, TellsOfARenamedFileAndOfOneWrittenInPlace) {
    const auto file = write("server.pem", "one");
    const auto watch = CertificateWatch::create({file}).value();
    EXPECT_FALSE(told(*watch));
    write("server.pem", "two");
    EXPECT_TRUE(told(*watch));
    EXPECT_TRUE(watch->changed());
    EXPECT_FALSE(watch->changed());
    std::ofstream(file) << "three, in place";
    EXPECT_TRUE(told(*watch));
    EXPECT_TRUE(watch->changed());
}

TEST_F(CertificateWatchTest, OtherFilesBesideItDoNotCount) {
    const auto watch = CertificateWatch::create({write("server.pem", "one")}).value();
    write("other.pem", "x");
    EXPECT_FALSE(watch->changed());
    EXPECT_FALSE(told(*watch)) << "it is taken all the same";
}

TEST_F(CertificateWatchTest, FollowsLinksThatAreTurned) {
    // As certbot and mounted secrets have it.
    fs::create_directories(directory_ / "v1");
    fs::create_directories(directory_ / "v2");
    write("v1/server.pem", "one");
    write("v2/server.pem", "two two");
    fs::create_directory_symlink("v1", directory_ / "current");
    fs::create_symlink("current/server.pem", directory_ / "server.pem");
    const auto watch = CertificateWatch::create({directory_ / "server.pem"}).value();
    fs::create_directory_symlink("v2", directory_ / "next");
    fs::rename(directory_ / "next", directory_ / "current");
    EXPECT_TRUE(told(*watch));
    EXPECT_TRUE(watch->changed());
    write("v2/server.pem", "three");
    EXPECT_TRUE(told(*watch)) << "the directory that it leads to now is watched";
    EXPECT_TRUE(watch->changed());
}

TEST_F(CertificateWatchTest, AFileThatIsAwayForAMomentIsFoundAgain) {
    const auto file = write("server.pem", "one");
    const auto watch = CertificateWatch::create({file}).value();
    fs::remove(file);
    EXPECT_TRUE(watch->changed());
    write("server.pem", "two");
    EXPECT_TRUE(told(*watch));
    EXPECT_TRUE(watch->changed());
}

TEST_F(CertificateWatchTest, ADirectoryThatIsNotThereIsAnError) {
    EXPECT_FALSE(CertificateWatch::create({directory_ / "nowhere" / "server.pem"}));
}

}  // namespace
}  // namespace muster::musterd
