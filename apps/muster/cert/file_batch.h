// Many small files, written so that a crash at any moment leaves each of them whole or absent, and never a certificate
// beside a key that is not its own.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace muster::cli::cert {

// Files are staged beside their places under hidden names, made durable together, and then put in place: all keys
// first, then the rest in the order of staging. A certificate is thus never there before its key. Where files are
// replaced, the certificates of the old key are removed before the new key comes.
class FileBatch {
public:
    FileBatch() = default;
    FileBatch(const FileBatch&) = delete;
    FileBatch& operator=(const FileBatch&) = delete;
    // What was staged and not committed goes.
    ~FileBatch();

    enum class Kind { key, other };
    Result<> stage(const std::filesystem::path& path, std::string_view content, mode_t mode, Kind kind);
    // At commit, before anything is put in place; a file that is not there is no error.
    void remove_before(std::filesystem::path path) { removals_.push_back(std::move(path)); }

    // Never overwrites: a file that has appeared meanwhile is Errc::already_exists, and the rest stays unwritten.
    Result<> commit();

private:
    struct Staged {
        std::filesystem::path path;
        std::filesystem::path temporary;
        Kind kind;
    };

    Result<> make_durable() const;
    Result<> remove_old() const;
    Result<> place(Kind kind) const;

    std::vector<Staged> files_;
    std::vector<std::filesystem::path> removals_;
};

// Removes what killed runs had staged in `directory`. The caller holds the lock under which batches are written there.
Result<> remove_staged(const std::filesystem::path& directory);

}  // namespace muster::cli::cert
