// How far an import has come, kept beside its file: a run that was ended in the middle is taken up there by the next.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace muster::cli {

struct ImportCounts {
    std::size_t records = 0;  // taken from the file
    std::size_t created = 0;
    std::size_t existing = 0;  // were there already and stay as they are
    std::size_t updated = 0;   // were there already and were replaced
    std::size_t failed = 0;

    void add(const ImportCounts& more);
};

struct ImportFailure {
    std::size_t line;
    std::string id;
    std::int64_t error_code;  // of the service; 0 when the record was not sent
    std::string message;
};

// What a progress is about: another file, another service or another way to import begin anew.
struct ImportIdentity {
    std::uintmax_t size = 0;
    std::int64_t modified = 0;
    std::string target;
    bool replace = false;

    static Result<ImportIdentity> of(const std::filesystem::path& file, std::string target, bool replace);
    json::object to_json() const;
};

class ImportProgress {
public:
    // `report`: where the failures go, one JSON object a line. Takes up what a run before has left unless `anew`.
    static Result<ImportProgress> open(const std::filesystem::path& file, std::filesystem::path report,
                                       const ImportIdentity& identity, bool anew);

    const ImportCounts& counts() const { return counts_; }
    bool taken_up() const { return counts_.records != 0; }
    // All records before and these are done with. Durable about once a second.
    Result<> add(const ImportCounts& counts, const std::vector<ImportFailure>& failures);
    Result<> save();
    // The import is complete: nothing is left to be taken up. The report stays when there is something in it.
    Result<> finish();
    const std::filesystem::path& report() const { return report_; }

private:
    std::filesystem::path path_;
    std::filesystem::path report_;
    json::object identity_;
    ImportCounts counts_;
    std::uintmax_t report_bytes_ = 0;
    std::chrono::steady_clock::time_point saved_ = std::chrono::steady_clock::now();
};

}  // namespace muster::cli
