// A ZIP archive of small files, written as it grows.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"

namespace muster::edge::support {

class ZipFile {
public:
    // Makes the file anew; only its owner may read it. Errc::conflict: a link, no regular file, or another user's.
    static Result<ZipFile> create(const std::filesystem::path& path);
    ZipFile(ZipFile&&) noexcept;
    ZipFile& operator=(ZipFile&&) noexcept;
    // Without finish(): removes what there is.
    ~ZipFile();

    // `name` with '/' between its parts.
    Result<> add(const std::string& name, std::string_view content, TimePoint time);
    Result<> finish();

private:
    struct State;
    explicit ZipFile(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::edge::support
