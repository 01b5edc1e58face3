// A directory for the files of a test.
#pragma once

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"

namespace muster::musterd {

class DirectoryTest : public ::testing::Test {
protected:
    DirectoryTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "musterd-test-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~DirectoryTest() override { std::filesystem::remove_all(directory_); }

    std::filesystem::path write(const std::filesystem::path& name, std::string_view content, mode_t mode = 0600) {
        const auto path = directory_ / name;
        EXPECT_TRUE(make_directories(path.parent_path(), 0700));
        EXPECT_TRUE(write_file_atomic(path, content, mode));
        return path;
    }
    static std::string content(const std::filesystem::path& path) { return read_file(path).value_or("(not there)"); }
    static std::string why(const auto& result) {
        return result ? "(no error)" : result.error().chain() + " | " + result.error().hint();
    }

    std::filesystem::path directory_;
};

}  // namespace muster::musterd
