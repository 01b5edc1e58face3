// What a fuzz target with a store needs: a directory that goes with it, and results that must be there.
#pragma once

#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"

namespace muster::fuzz {

template <class T>
T must(Result<T> result) {
    if (!result) std::abort();
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// In memory where that can be: a store syncs at every commit.
struct Directory {
    std::filesystem::path path;
    Directory() {
        const auto base = std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                              : std::filesystem::temp_directory_path();
        auto pattern = (base / "muster-fuzz-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) std::abort();
        path = pattern;
    }
    ~Directory() { std::filesystem::remove_all(path); }
};

}  // namespace muster::fuzz
