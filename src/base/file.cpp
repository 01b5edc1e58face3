#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/random.h"
#include "base/text.h"

namespace muster {
namespace {

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }

private:
    int fd_;
};

std::unexpected<Error> io_failure(std::string_view what, const std::filesystem::path& path) {
    return fail(errno_error(fmt::format("cannot {} {}", what, path.string()), errno));
}

Result<> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
    while (!content.empty()) {
        const auto written = ::write(fd, content.data(), content.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return io_failure("write", path);
        }
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<> sync_directory_of(const std::filesystem::path& path) {
    const auto directory = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd.valid()) return io_failure("open directory", directory);
    if (::fsync(fd.get()) != 0) return io_failure("sync directory", directory);
    return {};
}

Result<> write_temporary(const std::filesystem::path& temporary, std::string_view content, mode_t mode,
                         std::optional<FileOwner> owner) {
    const Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return io_failure("create", temporary);
    if (owner && ::fchown(fd.get(), owner->uid, owner->gid) != 0) return io_failure("set the owner of", temporary);
    // After the owner: a chown clears bits, and the umask must not decide.
    if (::fchmod(fd.get(), mode) != 0) return io_failure("set the mode of", temporary);
    MUSTER_CHECK(write_all(fd.get(), content, temporary));
    if (::fsync(fd.get()) != 0) return io_failure("sync", temporary);
    return {};
}

std::filesystem::path temporary_beside(const std::filesystem::path& path) {
    SystemRandom random;
    auto name = path;
    name.replace_filename("." + path.filename().string() + "." + hex_encode(random.bytes(6)) + ".tmp");
    return name;
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return io_failure("open", path);
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return io_failure("read", path);
    if (S_ISDIR(status.st_mode)) return fail(Errc::invalid_argument, "{} is a directory, not a file", path.string());
    std::string content;
    char buffer[16384];
    for (;;) {
        const auto got = ::read(fd.get(), buffer, sizeof buffer);
        if (got < 0) {
            if (errno == EINTR) continue;
            return io_failure("read", path);
        }
        if (got == 0) break;
        content.append(buffer, static_cast<std::size_t>(got));
        if (content.size() > limit)
            return fail(Errc::too_large, "{} is larger than the {} bytes allowed for it", path.string(), limit);
    }
    wipe(buffer, sizeof buffer);
    return content;
}

Result<> write_file_atomic(const std::filesystem::path& path, std::string_view content, mode_t mode,
                           std::optional<FileOwner> owner) {
    const auto temporary = temporary_beside(path);
    if (auto written = write_temporary(temporary, content, mode, owner); !written) {
        ::unlink(temporary.c_str());
        return written;
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        auto failure = io_failure("replace", path);
        ::unlink(temporary.c_str());
        return failure;
    }
    return sync_directory_of(path);
}

Result<> create_file(const std::filesystem::path& path, std::string_view content, mode_t mode) {
    const auto temporary = temporary_beside(path);
    if (auto written = write_temporary(temporary, content, mode, std::nullopt); !written) {
        ::unlink(temporary.c_str());
        return written;
    }
    const int linked = ::link(temporary.c_str(), path.c_str());
    const int number = errno;
    ::unlink(temporary.c_str());
    if (linked != 0) return fail(errno_error(fmt::format("cannot create {}", path.string()), number));
    return sync_directory_of(path);
}

Result<> remove_file(const std::filesystem::path& path) {
    if (::unlink(path.c_str()) != 0) {
        if (errno == ENOENT) return {};
        return io_failure("remove", path);
    }
    return sync_directory_of(path);
}

Result<> make_directories(const std::filesystem::path& path, mode_t mode) {
    if (path.empty()) return {};
    bool made = ::mkdir(path.c_str(), mode) == 0;
    if (!made && errno == EEXIST) {
        std::error_code ignored;
        if (std::filesystem::is_directory(path, ignored)) return {};
        return fail(Error(Errc::conflict, fmt::format("{} exists and is not a directory", path.string()))
                        .with_hint(fmt::format("mv {0} {0}.old", path.string())));
    }
    if (!made && errno == ENOENT && path.has_parent_path() && path.parent_path() != path) {
        MUSTER_CHECK(make_directories(path.parent_path(), mode));
        // Once: there are places (/proc) where the parent is there and nothing can be made in it. Another may have been
        // quicker.
        made = ::mkdir(path.c_str(), mode) == 0;
        if (!made && errno == EEXIST) return {};
    }
    if (!made) return io_failure("create directory", path);
    if (::chmod(path.c_str(), mode) != 0) return io_failure("set the mode of", path);
    return {};
}

Result<FileLock> FileLock::acquire(const std::filesystem::path& path) {
    Fd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) return io_failure("open", path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) return io_failure("lock", path);
        const auto holder = read_file(path, 64);
        return fail(Errc::conflict, "{} is held by process {}", path.string(),
                    holder && !trim(*holder).empty() ? trim(*holder) : "unknown");
    }
    const auto pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) != 0) return io_failure("write", path);
    MUSTER_CHECK(write_all(fd.get(), pid, path));
    return FileLock(fd.release());
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace muster
