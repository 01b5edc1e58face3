#include "muster/bulk/export_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/bytes.h"
#include "base/file.h"

namespace muster::cli {
namespace {

constexpr mode_t private_file = 0600;  // it may hold keys

// Appends at `offset`, whatever stood behind it, and waits until it is on the disk.
Result<> append(const std::filesystem::path& path, std::uintmax_t offset, std::string_view text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, private_file);
    if (fd < 0) return fail(errno_error(fmt::format("cannot write {}", path.string()), errno));
    const auto whole = [&] {
        if (::ftruncate(fd, static_cast<off_t>(offset)) != 0) return false;
        while (!text.empty()) {
            const auto written = ::pwrite(fd, text.data(), text.size(), static_cast<off_t>(offset));
            if (written < 0 && errno == EINTR) continue;
            if (written <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(written));
            offset += static_cast<std::uintmax_t>(written);
        }
        return ::fdatasync(fd) == 0;
    }();
    const int error = errno;
    ::close(fd);
    if (!whole) return fail(errno_error(fmt::format("cannot write {}", path.string()), error));
    return {};
}

}  // namespace

Result<ExportFile> ExportFile::open(const std::filesystem::path& file, const json::object& about) {
    ExportFile out;
    out.file_ = file;
    out.part_ = file;
    out.part_ += ".part";
    out.progress_ = file;
    out.progress_ += ".muster-export";
    out.about_ = about;
    const auto text = read_file(out.progress_);
    const auto kept = text ? parse_json_object(*text) : parse_json_object("");
    if (!kept) return out;
    const auto* before = find_member(*kept, "about");
    if (before == nullptr || !before->is_object() || before->as_object() != about) return out;
    MUSTER_TRY(const auto bytes, optional_integer(*kept, "bytes"));
    MUSTER_TRY(const auto count, optional_integer(*kept, "count"));
    std::error_code missing;
    if (!bytes || !count || std::filesystem::file_size(out.part_, missing) < static_cast<std::uintmax_t>(*bytes) ||
        missing)
        return out;
    out.bytes_ = static_cast<std::uintmax_t>(*bytes);
    out.count_ = static_cast<std::size_t>(*count);
    out.continuation_ = string_or(*kept, "continuation");
    return out;
}

void ExportFile::add(std::string_view line) {
    page_ += line;
}

Result<> ExportFile::end_page(std::size_t count, const std::string& continuation) {
    MUSTER_CHECK(append(part_, bytes_, page_));
    bytes_ += page_.size();
    wipe(page_.data(), page_.size());
    page_.clear();
    count_ += count;
    continuation_ = continuation;
    return write_file_atomic(
        progress_,
        pretty(json::object{{"about", about_}, {"bytes", bytes_}, {"count", count_}, {"continuation", continuation_}}) +
            "\n",
        private_file);
}

Result<> ExportFile::finish() {
    std::error_code error;
    std::filesystem::rename(part_, file_, error);
    if (error) return fail(errno_error(fmt::format("cannot write {}", file_.string()), error.value()));
    return remove_file(progress_);
}

}  // namespace muster::cli
