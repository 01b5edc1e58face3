#include "muster/bulk/import_progress.h"

#include <cerrno>
#include <fstream>

#include "base/file.h"

namespace muster::cli {
namespace {

constexpr auto between_saves = std::chrono::seconds(1);
constexpr mode_t private_file = 0600;

std::size_t count_at(const json::object& object, std::string_view name) {
    const auto number = optional_integer(object, name);
    return number && *number && **number > 0 ? static_cast<std::size_t>(**number) : 0;
}

std::filesystem::path beside(const std::filesystem::path& file, const char* ending) {
    auto path = file;
    path += ending;
    return path;
}

}  // namespace

void ImportCounts::add(const ImportCounts& more) {
    records += more.records;
    created += more.created;
    existing += more.existing;
    updated += more.updated;
    failed += more.failed;
}

Result<ImportIdentity> ImportIdentity::of(const std::filesystem::path& file, std::string target, bool replace) {
    std::error_code error;
    ImportIdentity identity{.size = std::filesystem::file_size(file, error),
                            .modified = 0,
                            .target = std::move(target),
                            .replace = replace};
    if (!error) identity.modified = std::filesystem::last_write_time(file, error).time_since_epoch().count();
    if (error) return fail(errno_error(fmt::format("cannot read {}", file.string()), error.value()));
    return identity;
}

json::object ImportIdentity::to_json() const {
    return {{"size", size}, {"modified", modified}, {"target", target}, {"replace", replace}};
}

Result<ImportProgress> ImportProgress::open(const std::filesystem::path& file, std::filesystem::path report,
                                            const ImportIdentity& identity, bool anew) {
    ImportProgress progress;
    progress.path_ = beside(file, ".muster-import");
    progress.report_ = report.empty() ? beside(file, ".failed") : std::move(report);
    // As it comes out of a file: numbers have one type there.
    MUSTER_TRY(progress.identity_, parse_json_object(json::serialize(identity.to_json())));
    const auto text = anew ? Result<std::string>(std::string()) : read_file(progress.path_);
    const auto kept = text ? parse_json_object(*text) : parse_json_object("");
    if (kept) {
        const auto* about = find_member(*kept, "about");
        if (about != nullptr && about->is_object() && about->as_object() == progress.identity_) {
            progress.counts_ = {count_at(*kept, "records"), count_at(*kept, "created"), count_at(*kept, "existing"),
                                count_at(*kept, "updated"), count_at(*kept, "failed")};
            progress.report_bytes_ = count_at(*kept, "reportBytes");
        }
    }
    // What a run that was ended wrote after it was last saved comes again.
    std::error_code ignored;
    if (std::filesystem::exists(progress.report_, ignored))
        std::filesystem::resize_file(progress.report_, progress.report_bytes_, ignored);
    return progress;
}

Result<> ImportProgress::add(const ImportCounts& counts, const std::vector<ImportFailure>& failures) {
    counts_.add(counts);
    if (!failures.empty()) {
        std::ofstream report(report_, std::ios::app | std::ios::binary);
        for (const auto& failure : failures)
            report << json::serialize(json::object{{"line", failure.line},
                                                   {"id", failure.id},
                                                   {"errorCode", failure.error_code},
                                                   {"message", failure.message}})
                   << '\n';
        report.close();
        std::error_code error;
        report_bytes_ = std::filesystem::file_size(report_, error);
        if (!report || error) return fail(errno_error(fmt::format("cannot write {}", report_.string()), errno));
    }
    if (std::chrono::steady_clock::now() - saved_ < between_saves) return {};
    return save();
}

Result<> ImportProgress::save() {
    saved_ = std::chrono::steady_clock::now();
    const json::object kept{{"about", identity_},           {"records", counts_.records}, {"created", counts_.created},
                            {"existing", counts_.existing}, {"updated", counts_.updated}, {"failed", counts_.failed},
                            {"reportBytes", report_bytes_}};
    auto written = write_file_atomic(path_, pretty(kept) + "\n", private_file);
    if (!written) return fail(written.error().wrap("cannot keep track of how far the import is"));
    return {};
}

Result<> ImportProgress::finish() {
    if (report_bytes_ == 0) MUSTER_CHECK(remove_file(report_));
    return remove_file(path_);
}

}  // namespace muster::cli
