#include "edge/config/access.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

namespace muster::edge {
namespace {

std::string user_text(uid_t uid) {
    char buffer[4096];
    struct passwd entry{};
    struct passwd* found = nullptr;
    if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) return found->pw_name;
    return fmt::format("uid {}", uid);
}

std::string group_text(gid_t gid) {
    char buffer[16384];
    struct group entry{};
    struct group* found = nullptr;
    if (getgrgid_r(gid, &entry, buffer, sizeof buffer, &found) == 0 && found != nullptr) return found->gr_name;
    return fmt::format("gid {}", gid);
}

bool has_group(const Identity& who, gid_t group) {
    return std::ranges::find(who.groups, group) != who.groups.end();
}

// `bits` are of 4 (read), 2 (write) and 1 (search). The first class that fits decides, as the kernel does it.
bool allowed(const struct stat& status, const Identity& who, mode_t bits) {
    if (who.uid == 0) return true;
    if (status.st_uid == who.uid) return ((status.st_mode >> 6) & bits) == bits;
    if (has_group(who, status.st_gid)) return ((status.st_mode >> 3) & bits) == bits;
    return (status.st_mode & bits) == bits;
}

std::string refusal(const std::filesystem::path& at, const struct stat& status, const Identity& who,
                    std::string_view act) {
    return fmt::format("{} may not {} {} (mode {:04o}, owner {}:{})", who.user, act, at.string(),
                       status.st_mode & 07777, user_text(status.st_uid), group_text(status.st_gid));
}

std::optional<AccessFault> directory_fault(const std::filesystem::path& directory, const Identity& who) {
    struct stat status{};
    if (::stat(directory.c_str(), &status) != 0) {
        if (errno == ENOENT)
            return AccessFault{AccessFault::Kind::missing, directory,
                               fmt::format("the directory {} does not exist", directory.string())};
        return AccessFault{AccessFault::Kind::other, directory,
                           fmt::format("{}: {}", directory.string(), std::strerror(errno))};
    }
    if (!S_ISDIR(status.st_mode))
        return AccessFault{AccessFault::Kind::not_a_file, directory,
                           fmt::format("{} is not a directory", directory.string())};
    if (allowed(status, who, 1)) return std::nullopt;
    return AccessFault{AccessFault::Kind::not_searchable, directory,
                       refusal(directory, status, who, "pass through the directory")};
}

// Every directory above the file, the root first.
std::vector<std::filesystem::path> directories_above(const std::filesystem::path& file) {
    std::vector<std::filesystem::path> out;
    std::filesystem::path so_far;
    for (const auto& part : file.parent_path()) out.push_back(so_far /= part);
    return out;
}

// What a file is to be, and what is to be done with it.
struct Wanted {
    mode_t type;
    std::string_view name;
    mode_t bits;
    std::string_view act;
};
constexpr Wanted readable_file{S_IFREG, "regular file", 4, "read"};
constexpr Wanted usable_device{S_IFCHR, "device", 6, "read and write"};

std::optional<AccessFault> file_fault(const std::filesystem::path& file, const Identity& who, const Wanted& wanted) {
    struct stat status{};
    if (::stat(file.c_str(), &status) != 0) {
        if (errno == ENOENT)
            return AccessFault{AccessFault::Kind::missing, file, fmt::format("{} does not exist", file.string())};
        return AccessFault{AccessFault::Kind::other, file, fmt::format("{}: {}", file.string(), std::strerror(errno))};
    }
    if ((status.st_mode & S_IFMT) != wanted.type)
        return AccessFault{AccessFault::Kind::not_a_file, file,
                           fmt::format("{} is not a {}", file.string(), wanted.name)};
    if (allowed(status, who, wanted.bits)) return std::nullopt;
    return AccessFault{AccessFault::Kind::not_readable, file, refusal(file, status, who, wanted.act)};
}

std::vector<AccessFault> faults_along(const std::filesystem::path& file, const Identity& who, const Wanted& wanted) {
    auto directories = directories_above(file);
    std::error_code error;
    const auto real = std::filesystem::weakly_canonical(file, error);
    if (!error && real != file)
        for (auto& directory : directories_above(real)) directories.push_back(std::move(directory));

    std::vector<AccessFault> faults;
    std::set<std::filesystem::path> seen;
    for (const auto& directory : directories) {
        if (!seen.insert(directory).second) continue;
        if (auto fault = directory_fault(directory, who)) faults.push_back(std::move(*fault));
        // Behind what is not there or no directory there is nothing more to say.
        if (!faults.empty() && faults.back().kind != AccessFault::Kind::not_searchable) return faults;
    }
    if (auto fault = file_fault(file, who, wanted)) faults.push_back(std::move(*fault));
    return faults;
}

// Opens the file as that user, in a child. The system calls themselves: the C library's setuid is for whole processes.
int open_as(const std::filesystem::path& file, const Identity& who) {
    const auto* const path = file.c_str();
    const pid_t child = ::fork();
    if (child < 0) return errno;
    if (child == 0) {
        if (::syscall(SYS_setgroups, who.groups.size(), who.groups.data()) != 0) ::_exit(255);
        if (::syscall(SYS_setgid, who.groups.front()) != 0) ::_exit(255);
        if (::syscall(SYS_setuid, who.uid) != 0) ::_exit(255);
        ::_exit(::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) >= 0 ? 0 : errno);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

}  // namespace

Result<Identity> identity_of(const Paths& paths, const ServiceUser& user) {
    Identity who{user.name, group_text(user.gid), user.uid, {}};
    int count = 64;
    who.groups.resize(static_cast<std::size_t>(count));
    if (paths.rooted()) {
        who.user = user_text(user.uid);
        count = ::getgroups(count, who.groups.data());
        if (count < 0) return fail(errno_error("cannot read the groups of this process", errno));
        who.groups.resize(static_cast<std::size_t>(count));
        who.groups.insert(who.groups.begin(), user.gid);
        return who;
    }
    if (::getgrouplist(user.name.c_str(), user.gid, who.groups.data(), &count) < 0) {
        who.groups.resize(static_cast<std::size_t>(count));
        if (::getgrouplist(user.name.c_str(), user.gid, who.groups.data(), &count) < 0)
            return fail(Errc::unavailable, "cannot read the groups of {}", user.name);
    }
    who.groups.resize(static_cast<std::size_t>(count));
    return who;
}

std::vector<AccessFault> access_faults(const std::filesystem::path& file, const Identity& reader) {
    return faults_along(file, reader, readable_file);
}

std::vector<AccessFault> device_faults(const std::filesystem::path& device, const Identity& user) {
    return faults_along(device, user, usable_device);
}

std::vector<AccessFault> read_faults(const std::filesystem::path& file, const Identity& reader) {
    auto faults = access_faults(file, reader);
    const bool cannot_try = ::geteuid() != 0 || reader.uid == 0;
    const bool is_there = faults.empty() || faults.back().kind == AccessFault::Kind::not_searchable ||
                          faults.back().kind == AccessFault::Kind::not_readable;
    if (cannot_try || !is_there) return faults;
    const int error = open_as(file, reader);
    if (error == 0) return {};
    if (!faults.empty() || error == 255) return faults;
    return {AccessFault{AccessFault::Kind::other, file,
                        fmt::format("{} cannot open {} although its permission bits allow it: {}", reader.user,
                                    file.string(), std::strerror(error))}};
}

}  // namespace muster::edge
