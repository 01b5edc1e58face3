// The file that an export writes: under another name until it is whole, and taken up where a run before was ended.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "base/json.h"

namespace muster::cli {

class ExportFile {
public:
    // `about`: what is exported, from where and how; a run before that was about something else is not taken up.
    static Result<ExportFile> open(const std::filesystem::path& file, const json::object& about);

    std::size_t count() const { return count_; }
    const std::string& continuation() const { return continuation_; }
    bool is_new() const { return bytes_ == 0; }

    void add(std::string_view line);
    // A page is complete, `count` items were in it: durable, and where the next run goes on.
    Result<> end_page(std::size_t count, const std::string& continuation);
    // Gives the file its name.
    Result<> finish();

private:
    std::filesystem::path file_;
    std::filesystem::path part_;
    std::filesystem::path progress_;
    json::object about_;
    std::string page_;
    std::uintmax_t bytes_ = 0;
    std::size_t count_ = 0;
    std::string continuation_;
};

}  // namespace muster::cli
