// Files, read whole and written whole: after a crash the old content is there or the new one, never a mixture.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace muster {

// Refuses files above `limit` bytes.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 16 * 1024 * 1024);

struct FileOwner {
    uid_t uid;
    gid_t gid;
};

// Writes a temporary file beside `path`, fsyncs it, renames it over and fsyncs the directory.
Result<> write_file_atomic(const std::filesystem::path& path, std::string_view content, mode_t mode,
                           std::optional<FileOwner> owner = std::nullopt);
// Like write_file_atomic, but fails with Errc::already_exists when the file is there.
Result<> create_file(const std::filesystem::path& path, std::string_view content, mode_t mode);
// Removes and fsyncs the directory; a file that is not there is no error.
Result<> remove_file(const std::filesystem::path& path);
// Creates the directory and its parents; `mode` is set on those it makes.
Result<> make_directories(const std::filesystem::path& path, mode_t mode);

// An advisory lock on a file, held until it goes; the file carries the holder's process id for the error message.
class FileLock {
public:
    // Errc::conflict when another process holds it; the message names its process id.
    static Result<FileLock> acquire(const std::filesystem::path& path);
    FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock();

private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace muster
