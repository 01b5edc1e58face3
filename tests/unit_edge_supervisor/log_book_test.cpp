#include "edge/supervisor/log_book.h"

#include "base/text.h"

#include <gmock/gmock.h>

#include "base/file.h"

namespace muster::edge::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class LogBookTest : public ::testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/muster-log-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        root_ = name;
        book_.emplace(root_ / "log", std::vector<std::string>{"aziot-keyd", "aziot-certd"});
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    static std::vector<std::string> texts(const std::vector<LogLine>& lines) {
        std::vector<std::string> out;
        for (const auto& line : lines) out.push_back(line.text);
        return out;
    }

    std::filesystem::path root_;
    std::optional<LogBook> book_;
    TimePoint now_ = TimePoint(std::chrono::seconds(1'800'000'000));
};

TEST_F(LogBookTest, LinesOfAllServicesComeInOrder) {
    book_->add("aziot-keyd", "one", now_);
    book_->add("aziot-certd", "two", now_);
    book_->add("aziot-keyd", "three", now_ + std::chrono::seconds(5));
    book_->add("nobody", "lost", now_);
    EXPECT_THAT(texts(book_->lines(10, 0, {})), ElementsAre("one", "two", "three"));
    EXPECT_THAT(texts(book_->lines(2, 0, {})), ElementsAre("two", "three"));
    EXPECT_THAT(texts(book_->lines(10, 2, {})), ElementsAre("three"));
    EXPECT_THAT(texts(book_->lines(10, 0, now_ + std::chrono::seconds(1))), ElementsAre("three"));
    EXPECT_THAT(texts(book_->lines(10, book_->newest(), {})), IsEmpty());
    EXPECT_THAT(book_->last("aziot-keyd", 1), ElementsAre("three"));
}

TEST_F(LogBookTest, MemoryIsBoundedAndALoudServiceDoesNotDrownAQuietOne) {
    book_->add("aziot-certd", "quiet", now_);
    for (std::size_t i = 0; i < 3 * LogBook::lines_per_service; ++i) book_->add("aziot-keyd", "loud", now_);
    EXPECT_EQ(book_->lines(SIZE_MAX, 0, {}).size(), LogBook::lines_per_service + 1);
    EXPECT_THAT(book_->last("aziot-certd", 10), ElementsAre("quiet"));
    book_->add("aziot-keyd", std::string(100'000, 'x'), now_);
    EXPECT_LT(book_->last("aziot-keyd", 1)[0].size(), LogBook::bytes_per_line + 10);
}

TEST_F(LogBookTest, FilesRotate) {
    const std::string line(1000, 'x');
    for (int i = 0; i < 2500; ++i) book_->add("aziot-keyd", line, now_);
    const auto file = root_ / "log/aziot-keyd.log";
    EXPECT_LT(std::filesystem::file_size(file), 1'100'000U);
    EXPECT_LT(std::filesystem::file_size(file.string() + ".1"), 1'100'000U);
    EXPECT_GT(std::filesystem::file_size(file) + std::filesystem::file_size(file.string() + ".1"), 1'000'000U);
}

TEST_F(LogBookTest, ControlCharactersDoNotReachTheReader) {
    book_->add("aziot-keyd", "a\x1b[31mb", now_);
    EXPECT_THAT(book_->last("aziot-keyd", 1), ElementsAre("a\\x1b[31mb"));
}

TEST_F(LogBookTest, ALineCutInTheMiddleOfACharacterIsStillText) {
    std::string line(LogBook::bytes_per_line - 1, 'x');
    book_->add("aziot-keyd", line + "€€", now_);
    const auto kept = book_->last("aziot-keyd", 1)[0];
    EXPECT_EQ(kept, as_utf8(kept));
}

TEST(LogBook, WorksWithoutADisk) {
    LogBook book("/proc/nowhere", {"aziot-keyd"});
    book.add("aziot-keyd", "kept", TimePoint());
    EXPECT_THAT(book.last("aziot-keyd", 5), ElementsAre("kept"));
}

TEST(WithoutPriority, TakesTheSyslogPrefixAlone) {
    EXPECT_EQ(without_priority("<6>2026 text"), "2026 text");
    EXPECT_EQ(without_priority("<9>x"), "<9>x");
    EXPECT_EQ(without_priority("<6"), "<6");
    EXPECT_EQ(without_priority(""), "");
}

}  // namespace
}  // namespace muster::edge::supervisor
