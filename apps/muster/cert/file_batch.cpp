#include "muster/cert/file_batch.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/error.h"

namespace muster::cli::cert {
namespace {

// From here on one syncfs is cheaper than an fsync for each.
constexpr std::size_t few_files = 32;

using Directories = std::set<std::filesystem::path>;

class Fd {
public:
    Fd(const std::filesystem::path& path, int flags, mode_t mode = 0) : fd_(::open(path.c_str(), flags, mode)) {}
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

std::unexpected<Error> failure(std::string_view what, const std::filesystem::path& path) {
    return fail(errno_error(fmt::format("cannot {} {}", what, path.string()), errno));
}

Result<> write_all(int fd, std::string_view content, const std::filesystem::path& path) {
    while (!content.empty()) {
        const ssize_t written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return failure("write", path);
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<> sync_file(const std::filesystem::path& path) {
    const Fd fd(path, O_RDONLY | O_CLOEXEC);
    if (fd.get() < 0 || ::fsync(fd.get()) != 0) return failure("sync", path);
    return {};
}

Result<> sync_directories(const Directories& directories) {
    for (const auto& directory : directories) MUSTER_CHECK(sync_file(directory));
    return {};
}

bool is_staged(const std::filesystem::path& path) {
    const std::string name = path.filename().string();
    return name.starts_with('.') && (name.ends_with(".pem.new") || name.ends_with(".pfx.new"));
}

}  // namespace

Result<> remove_staged(const std::filesystem::path& directory) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        if (is_staged(entry->path()) && ::unlink(entry->path().c_str()) != 0 && errno != ENOENT)
            return failure("remove", entry->path());
    }
    if (error) return fail(errno_error(fmt::format("cannot read directory {}", directory.string()), error.value()));
    return {};
}

FileBatch::~FileBatch() {
    for (const Staged& file : files_) ::unlink(file.temporary.c_str());
}

Result<> FileBatch::stage(const std::filesystem::path& path, std::string_view content, mode_t mode, Kind kind) {
    auto temporary = path;
    temporary.replace_filename("." + path.filename().string() + ".new");
    const Fd fd(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd.get() < 0) return failure("create", temporary);
    files_.push_back({path, temporary, kind});
    // The umask must not decide.
    if (mode != 0600 && ::fchmod(fd.get(), mode) != 0) return failure("set the mode of", temporary);
    return write_all(fd.get(), content, temporary);
}

Result<> FileBatch::make_durable() const {
    if (files_.size() <= few_files) {
        for (const Staged& file : files_) MUSTER_CHECK(sync_file(file.temporary));
        return {};
    }
    Directories directories;
    for (const Staged& file : files_) directories.insert(file.path.parent_path());
    for (const auto& directory : directories) {  // each may be a file system of its own
        const Fd fd(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd.get() < 0 || ::syncfs(fd.get()) != 0) return failure("sync", directory);
    }
    return {};
}

Result<> FileBatch::remove_old() const {
    Directories directories;
    for (const auto& path : removals_) {
        if (::unlink(path.c_str()) == 0) {
            directories.insert(path.parent_path());
        } else if (errno != ENOENT) {
            return failure("remove", path);
        }
    }
    return sync_directories(directories);
}

Result<> FileBatch::place(Kind kind) const {
    Directories directories;
    for (const Staged& file : files_) {
        if (file.kind != kind) continue;
        // A link refuses to replace, which a rename would do silently.
        if (::link(file.temporary.c_str(), file.path.c_str()) != 0) return failure("create", file.path);
        ::unlink(file.temporary.c_str());
        directories.insert(file.path.parent_path());
    }
    return sync_directories(directories);
}

Result<> FileBatch::commit() {
    MUSTER_CHECK(make_durable());
    MUSTER_CHECK(remove_old());
    MUSTER_CHECK(place(Kind::key));
    MUSTER_CHECK(place(Kind::other));
    files_.clear();
    removals_.clear();
    return {};
}

}  // namespace muster::cli::cert
