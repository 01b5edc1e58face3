#include "edge/service/state_files.h"

#include "base/bytes.h"
#include "pki/key.h"

namespace muster::edge {

std::string stored_name(std::string_view id) {
    std::string alphanumeric;
    for (const char c : id)
        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) alphanumeric += c;
    // A file name ends at 255 bytes; the hash takes 64.
    return alphanumeric.substr(0, 128) + "-" + hex_encode(pki::sha256(as_bytes(id)));
}

void sweep_interrupted_writes(const std::filesystem::path& directory) {
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator at(directory, error), end; !error && at != end;
         at.increment(error)) {
        const auto name = at->path().filename().string();
        if (!name.starts_with('.') || !name.ends_with(".tmp")) continue;
        std::error_code ignored;
        std::filesystem::remove(at->path(), ignored);
    }
}

}  // namespace muster::edge
