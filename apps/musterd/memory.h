// How much memory there is, and how much of it the database may fill with its pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace muster::musterd {

// Bytes: what the machine has, or less where a control group (a container, MemoryMax= of a systemd unit) allows less.
// `root`: of the file system that tells of control groups.
std::uint64_t usable_memory(const std::filesystem::path& root = "/");

// An eighth of it, between 16 MB and 256 MB: what the writer caches, and its readers half of it again. A million
// devices' indexes, in which new ones land anywhere, take the most of it.
std::size_t usual_store_cache(std::uint64_t memory);

}  // namespace muster::musterd
