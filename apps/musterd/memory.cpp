#include "memory.h"

#include <sys/sysinfo.h>

#include <algorithm>
#include <limits>

#include "base/file.h"
#include "base/text.h"

namespace muster::musterd {
namespace {

constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t least_cache = 16 << 20;
constexpr std::uint64_t most_cache = 256 << 20;

std::uint64_t installed_memory() {
    struct sysinfo machine{};
    if (::sysinfo(&machine) != 0) return unlimited;
    return std::uint64_t{machine.totalram} * machine.mem_unit;
}

// The limit in a file; "max", and what is not there, is none.
std::uint64_t limit_in(const std::filesystem::path& file) {
    const auto text = read_file(file, 64);
    if (!text) return unlimited;
    return parse_integer<std::uint64_t>(trim(*text)).value_or(unlimited);
}

// Of the group and of all above it, up to the mounted one: within a container the path may lead nowhere, and the
// container's own group is mounted.
std::uint64_t limit_of(const std::filesystem::path& mounted, std::filesystem::path group, const char* file) {
    auto least = limit_in(mounted / file);
    for (; !group.empty() && group != group.parent_path(); group = group.parent_path())
        least = std::min(least, limit_in(mounted / group / file));
    return least;
}

// Lines are "0::/system.slice/muster.service", or "9:memory:/..." with the older control groups (cgroups(7)).
std::uint64_t group_limit(const std::filesystem::path& root) {
    const auto groups = read_file(root / "proc/self/cgroup", 1 << 16);
    if (!groups) return unlimited;
    const auto mounted = root / "sys/fs/cgroup";
    auto least = unlimited;
    for (const auto line : split(*groups, '\n')) {
        const auto parts = split(line, ':');
        if (parts.size() < 3) continue;
        const auto path = std::filesystem::path(parts[2]).relative_path();
        if (parts[0] == "0") least = std::min(least, limit_of(mounted, path, "memory.max"));
        if (parts[1] == "memory") least = std::min(least, limit_of(mounted / "memory", path, "memory.limit_in_bytes"));
    }
    return least;
}

}  // namespace

std::uint64_t usable_memory(const std::filesystem::path& root) {
    return std::min(installed_memory(), group_limit(root));
}

std::size_t usual_store_cache(std::uint64_t memory) {
    return static_cast<std::size_t>(std::clamp(memory / 8, least_cache, most_cache));
}

}  // namespace muster::musterd
