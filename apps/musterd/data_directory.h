// The data directory: one musterd's alone while it runs.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/file.h"

namespace muster::musterd {

struct DataDirectory {
    std::filesystem::path path;
    FileLock lock;

    std::filesystem::path file(std::string_view name) const { return path / name; }
    bool has(std::string_view name) const {
        std::error_code ignored;
        return std::filesystem::exists(file(name), ignored);
    }
};

// Makes it (mode 0700) when it is missing. Errc::conflict when another musterd holds it.
Result<DataDirectory> open_data_directory(const std::filesystem::path& path);

}  // namespace muster::musterd
