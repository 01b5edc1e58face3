#include "certificate_watch.h"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace muster::musterd {
namespace {

constexpr std::uint32_t told_of = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE;

std::string identity_of(const std::filesystem::path& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) return {};
    return fmt::format("{}:{}:{}:{}.{}", found.st_dev, found.st_ino, found.st_size, found.st_mtim.tv_sec,
                       found.st_mtim.tv_nsec);
}

std::filesystem::path directory_of(const std::filesystem::path& file) {
    auto directory = file.parent_path();
    return directory.empty() ? "." : directory;
}

}  // namespace

Result<std::unique_ptr<CertificateWatch>> CertificateWatch::create(const std::vector<std::filesystem::path>& files) {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0) return fail(errno_error("cannot watch files", errno));
    std::unique_ptr<CertificateWatch> created(new CertificateWatch(fd));
    for (const auto& file : files) {
        MUSTER_CHECK(created->watch(file));
        created->files_.push_back({file, identity_of(file)});
    }
    return created;
}

CertificateWatch::~CertificateWatch() {
    ::close(fd_);
}

Result<> CertificateWatch::watch(const std::filesystem::path& file) {
    std::error_code none;
    // A directory that is watched already is not watched twice.
    for (const auto& directory : {directory_of(file), directory_of(std::filesystem::canonical(file, none))}) {
        if (::inotify_add_watch(fd_, directory.c_str(), told_of) < 0)
            return fail(errno_error(fmt::format("cannot watch the directory {}", directory.string()), errno));
    }
    return {};
}

bool CertificateWatch::changed() {
    alignas(inotify_event) char events[4096];
    while (::read(fd_, events, sizeof events) > 0) {
    }
    bool any = false;
    for (auto& file : files_) {
        auto now = identity_of(file.path);
        if (now == file.identity) continue;
        file.identity = std::move(now);
        any = true;
        // It may lead elsewhere now. One that is gone is watched for where it was.
        (void)watch(file.path);
    }
    return any;
}

}  // namespace muster::musterd
