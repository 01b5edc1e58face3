#include "edge/support/zip_file.h"

#include <fcntl.h>
#include <minizip/zip.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace muster::edge::support {
namespace {

tm_zip zip_time(TimePoint time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss clock(std::chrono::floor<std::chrono::seconds>(time - day));
    tm_zip out{};
    out.tm_year = static_cast<int>(date.year());
    out.tm_mon = static_cast<int>(static_cast<unsigned>(date.month())) - 1;
    out.tm_mday = static_cast<int>(static_cast<unsigned>(date.day()));
    out.tm_hour = static_cast<int>(clock.hours().count());
    out.tm_min = static_cast<int>(clock.minutes().count());
    out.tm_sec = static_cast<int>(clock.seconds().count());
    return out;
}

struct FileDescriptor {
    explicit FileDescriptor(int opened) : fd(opened) {}
    FileDescriptor(const FileDescriptor&) = delete;
    FileDescriptor& operator=(const FileDescriptor&) = delete;
    ~FileDescriptor() { ::close(fd); }
    const int fd;
};

// One that was there before keeps no wider mode, and is of nobody else, who could widen it again.
Result<> make_private(int fd, const std::filesystem::path& path) {
    struct stat status{};
    if (::fstat(fd, &status) != 0) return fail(errno_error(fmt::format("cannot look at {}", path.string()), errno));
    if (!S_ISREG(status.st_mode)) return fail(Errc::conflict, "cannot write {}: it is no regular file", path.string());
    if (status.st_uid != ::geteuid())
        return fail(Errc::conflict, "cannot write {}: there is such a file, and it belongs to another user",
                    path.string());
    if (::fchmod(fd, 0600) != 0) return fail(errno_error(fmt::format("cannot protect {}", path.string()), errno));
    return {};
}

}  // namespace

struct ZipFile::State {
    std::filesystem::path path;
    zipFile zip = nullptr;

    ~State() {
        if (zip == nullptr) return;
        zipClose(zip, nullptr);
        ::unlink(path.c_str());
    }
    std::unexpected<Error> failed(int code) const {
        return fail(Errc::io, "cannot write {}: {}", path.string(),
                    code == ZIP_ERRNO ? "the disk does not take it" : "the archive is refused");
    }
};

ZipFile::ZipFile(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipFile::ZipFile(ZipFile&&) noexcept = default;
ZipFile& ZipFile::operator=(ZipFile&&) noexcept = default;
ZipFile::~ZipFile() = default;

Result<ZipFile> ZipFile::create(const std::filesystem::path& path) {
    // minizip would make it for everyone to read, and follow a link that someone else put there.
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0 && errno == ELOOP) return fail(Errc::conflict, "cannot write {}: it is a link", path.string());
    if (fd < 0) return fail(errno_error(fmt::format("cannot write {}", path.string()), errno));
    const FileDescriptor file(fd);
    MUSTER_CHECK(make_private(fd, path));
    auto state = std::make_unique<State>();
    state->path = path;
    state->zip = zipOpen64(fmt::format("/proc/self/fd/{}", fd).c_str(), APPEND_STATUS_CREATE);
    if (state->zip == nullptr) return fail(Errc::io, "cannot write {}", path.string());
    return ZipFile(std::move(state));
}

Result<> ZipFile::add(const std::string& name, std::string_view content, TimePoint time) {
    zip_fileinfo info{};
    info.tmz_date = zip_time(time);
    int code = zipOpenNewFileInZip64(state_->zip, name.c_str(), &info, nullptr, 0, nullptr, 0, nullptr, Z_DEFLATED,
                                     Z_DEFAULT_COMPRESSION, 0);
    if (code != ZIP_OK) return state_->failed(code);
    code = zipWriteInFileInZip(state_->zip, content.data(), static_cast<unsigned>(content.size()));
    if (code == ZIP_OK) code = zipCloseFileInZip(state_->zip);
    return code == ZIP_OK ? Result<>() : state_->failed(code);
}

Result<> ZipFile::finish() {
    const int code = zipClose(std::exchange(state_->zip, nullptr), nullptr);
    return code == ZIP_OK ? Result<>() : state_->failed(code);
}

}  // namespace muster::edge::support
