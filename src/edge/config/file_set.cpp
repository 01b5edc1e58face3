#include "edge/config/file_set.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>

#include "base/json.h"

namespace muster::edge {
namespace {

constexpr std::string_view staged_mark = ".apply-staged";

std::filesystem::path staged_name(const std::filesystem::path& target) {
    return target.parent_path() / fmt::format(".{}{}", target.filename().string(), staged_mark);
}

Result<> sync_directory(const std::filesystem::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(errno_error(fmt::format("cannot open directory {}", directory.string()), errno));
    const int synced = ::fsync(fd);
    const int error = errno;
    ::close(fd);
    if (synced != 0) return fail(errno_error(fmt::format("cannot sync directory {}", directory.string()), error));
    return {};
}

Result<> rename_file(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return fail(errno_error(fmt::format("cannot rename {} to {}", from.string(), to.string()), errno));
}

std::string journal_text(const std::vector<NewFile>& files) {
    json::array entries;
    for (const auto& file : files)
        entries.push_back(
            json::object{{"staged", staged_name(file.target).string()}, {"target", file.target.string()}});
    return pretty(json::object{{"version", 1}, {"files", std::move(entries)}}) + "\n";
}

struct Rename {
    std::filesystem::path staged;
    std::filesystem::path target;
};

Result<std::vector<Rename>> read_journal(const std::filesystem::path& journal) {
    struct stat status{};
    if (::lstat(journal.c_str(), &status) != 0)
        return fail(errno_error(fmt::format("cannot read {}", journal.string()), errno));
    // What it says is done with our rights: it must be our own.
    if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid())
        return fail(Errc::forbidden, "{} is not a file of this user; it will not be followed", journal.string());
    MUSTER_TRY(const auto text, read_file(journal, 64 * 1024));
    MUSTER_TRY(const auto object, parse_json_object(text));
    std::vector<Rename> renames;
    const auto* entries = find_member(object, "files");
    if (entries == nullptr || !entries->is_array())
        return fail(Errc::invalid_argument, "{} does not say which files it is about", journal.string());
    for (const auto& entry : entries->get_array()) {
        if (!entry.is_object()) return fail(Errc::invalid_argument, "{} is damaged", journal.string());
        MUSTER_TRY(auto staged, required_string(entry.get_object(), "staged"));
        MUSTER_TRY(auto target, required_string(entry.get_object(), "target"));
        renames.push_back({std::move(staged), std::move(target)});
    }
    return renames;
}

Result<> finish(const std::vector<Rename>& renames, const StepHook& before_step) {
    std::set<std::filesystem::path> directories;
    for (const auto& [staged, target] : renames) {
        if (before_step) before_step(fmt::format("rename {}", target.string()));
        directories.insert(target.parent_path());
        // Renamed already, before the crash.
        if (!std::filesystem::exists(std::filesystem::symlink_status(staged))) continue;
        MUSTER_CHECK(rename_file(staged, target));
    }
    for (const auto& directory : directories) MUSTER_CHECK(sync_directory(directory));
    return {};
}

// Removes the hidden files of a directory whose names hold `mark`; says whether there were any.
Result<bool> remove_marked(const std::filesystem::path& directory, std::string_view mark) {
    bool any = false;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with('.') || name.find(mark) == std::string::npos) continue;
        MUSTER_CHECK(remove_file(entry.path()));
        any = true;
    }
    return any;
}

}  // namespace

Result<> write_file_set(const std::filesystem::path& journal, const std::vector<NewFile>& files,
                        const StepHook& before_step) {
    std::vector<Rename> renames;
    for (const auto& file : files) {
        if (before_step) before_step(fmt::format("stage {}", file.target.string()));
        const auto staged = staged_name(file.target);
        if (auto written = write_file_atomic(staged, file.content, file.mode, file.owner); !written) {
            for (const auto& earlier : renames) (void)remove_file(earlier.staged);
            return written;
        }
        renames.push_back({staged, file.target});
    }
    if (before_step) before_step("journal");
    if (auto written = write_file_atomic(journal, journal_text(files), 0600); !written) {
        for (const auto& earlier : renames) (void)remove_file(earlier.staged);
        return written;
    }
    MUSTER_CHECK(finish(renames, before_step));
    if (before_step) before_step("remove journal");
    return remove_file(journal);
}

Result<Recovery> recover_file_set(const std::filesystem::path& journal,
                                  const std::vector<std::filesystem::path>& directories) {
    if (std::filesystem::exists(std::filesystem::symlink_status(journal))) {
        MUSTER_TRY(const auto renames, read_journal(journal));
        MUSTER_CHECK(finish(renames, {}));
        MUSTER_CHECK(remove_file(journal));
        return Recovery::finished;
    }
    auto done = Recovery::nothing;
    for (const auto& directory : directories) {
        // Also the temporary of a staged file that was never whole.
        MUSTER_TRY(const bool removed, remove_marked(directory, staged_mark));
        if (removed) done = Recovery::undone;
    }
    // A journal that was never put in place decided nothing.
    MUSTER_CHECK(remove_marked(journal.parent_path(), journal.filename().string() + "."));
    return done;
}

}  // namespace muster::edge
