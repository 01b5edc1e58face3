// May a service user read a file? Judged by the permission bits along the whole path, and where we are root also by
// trying it as that user (which sees ACLs and mandatory access control).
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "edge/common/paths.h"

namespace muster::edge {

struct Identity {
    std::string user;
    std::string group;
    uid_t uid;
    std::vector<gid_t> groups;  // all of them, the primary one first
};

// The user's groups from the system's data base; below a device root those of this process.
Result<Identity> identity_of(const Paths& paths, const ServiceUser& user);

struct AccessFault {
    enum class Kind { missing, not_searchable, not_readable, not_a_file, other };
    Kind kind;
    std::filesystem::path at;  // the file or directory that stands in the way
    std::string explanation;   // "aziotks may not read /x (mode 0600, owner root)"
};

// Everything along the path that stands in the way, by permission bits alone; symbolic links are followed.
std::vector<AccessFault> access_faults(const std::filesystem::path& file, const Identity& reader);
// The same for a device, which is a character device to be read and written.
std::vector<AccessFault> device_faults(const std::filesystem::path& device, const Identity& user);
// The whole judgement of a file.
std::vector<AccessFault> read_faults(const std::filesystem::path& file, const Identity& reader);

}  // namespace muster::edge
