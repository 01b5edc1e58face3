#include "muster/cert/layout.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/text.h"

namespace muster::cli::cert {

Result<> Layout::make_directories() const {
    MUSTER_CHECK(muster::make_directories(certs(), 0755));
    MUSTER_CHECK(muster::make_directories(requests(), 0755));
    return muster::make_directories(private_keys(), 0700);
}

Result<> check_file_name(const std::string& name) {
    constexpr std::size_t longest = 200;
    const auto refuse = [&](std::string_view why) {
        return fail(Errc::invalid_argument, "\"{}\" cannot be a name: {}", printable(name), why);
    };
    if (name.empty()) return refuse("it is empty and becomes a part of file names");
    if (name.size() > longest) return refuse("it becomes a part of file names and is too long for one");
    if (name.find_first_of("/\\") != std::string::npos) return refuse("it becomes a part of file names, not a path");
    if (name.front() == '.') return refuse("it becomes a part of file names and must not begin with a dot");
    for (const char c : name) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return refuse("it holds control characters");
    }
    return {};
}

Result<DirectoryLock> DirectoryLock::acquire(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(errno_error(fmt::format("cannot open directory {}", directory.string()), errno));
    DirectoryLock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return fail(Errc::conflict, "another `muster cert` is at work in {}", directory.string());
    }
    return lock;
}

DirectoryLock::~DirectoryLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace muster::cli::cert
