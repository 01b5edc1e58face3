// `muster export`: all enrollments into a file, from which `muster import` makes them again.
#include "base/text.h"
#include "muster/bulk/export_file.h"
#include "muster/bulk/progress_bar.h"
#include "muster/bulk/reader.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/symmetric_keys.h"

namespace muster::cli {
namespace {

constexpr std::size_t page = 500;

struct ExportOptions {
    std::string file;
    std::string format;
    bool groups = false;
    bool with_keys = false;
};

// What the service added, and adds anew.
void leave_out_of_export(json::object& enrollment) {
    for (const auto* name : {"etag", "createdDateTimeUtc", "lastUpdatedDateTimeUtc", "registrationState"})
        enrollment.erase(name);
}

class Lines {
public:
    Lines(BulkFormat format, bool groups) : format_(format), columns_(CsvColumns::all(groups)) {}

    std::string header() const { return format_ == BulkFormat::csv ? wire::csv_line(columns_.names()) : std::string(); }
    Result<std::string> line(json::object enrollment) const {
        leave_out_of_export(enrollment);
        if (format_ == BulkFormat::json_lines) return json::serialize(enrollment) + '\n';
        auto cells = columns_.to_cells(enrollment);
        if (cells) return wire::csv_line(*cells);
        return fail(cells.error().wrap(
            fmt::format("'{}' cannot be a line of a table",
                        string_or(enrollment, "registrationId", string_or(enrollment, "enrollmentGroupId")))));
    }

private:
    BulkFormat format_;
    CsvColumns columns_;
};

Listing listing_of(const ExportOptions& options) {
    Listing listing;
    listing.call = {.what = "export enrollments",
                    .path = fmt::format("/muster/{}{}", options.groups ? "enrollmentGroups" : "enrollments",
                                        options.with_keys ? "?keys=true" : ""),
                    .api_version = muster_api};
    listing.page = page;
    return listing;
}

// How many there are to come, for the bar; nothing when the service does not say.
std::optional<std::size_t> expected(ServiceClient& client, bool groups) {
    const auto status =
        client.call_object({.what = "count enrollments", .path = "/muster/status", .api_version = muster_api});
    if (!status) return std::nullopt;
    return parse_integer<std::size_t>(text_at(*status, groups ? "counts.enrollmentGroups" : "counts.enrollments"));
}

bool has_keys_left_out(const json::object& enrollment) {
    return text_at(enrollment, "attestation.type") == "symmetricKey" &&
           text_at(enrollment, "attestation.symmetricKey.primaryKey").empty();
}

Result<> export_enrollments(Context& context, const ExportOptions& options) {
    MUSTER_TRY(const auto format, format_of(options.format, options.file));
    MUSTER_TRY(auto client, context.connect());
    const json::object about{{"target", client.target().base_url},
                             {"what", options.groups ? "enrollmentGroups" : "enrollments"},
                             {"keys", options.with_keys},
                             {"format", format == BulkFormat::csv ? "csv" : "jsonl"}};
    MUSTER_TRY(auto file, ExportFile::open(options.file, about));
    const Lines lines(format, options.groups);
    if (file.is_new()) {
        file.add(lines.header());
    } else {
        context.io.err(fmt::format("Going on behind item {}, where a run before was ended.\n", grouped(file.count())));
    }
    const auto all = context.io.err_columns ? expected(client, options.groups) : std::nullopt;
    ProgressBar bar(context.io, "exported");
    const auto before = file.count();
    const auto began = std::chrono::steady_clock::now();
    std::size_t in_page = 0;
    std::size_t without_keys = 0;
    auto listing = listing_of(options);
    listing.continuation = file.continuation();
    listing.after_page = [&](const std::string& continuation) -> Result<> {
        MUSTER_CHECK(file.end_page(std::exchange(in_page, 0), continuation));
        std::optional<double> part;
        if (all && *all != 0) part = static_cast<double>(file.count()) / static_cast<double>(*all);
        bar.show(part, file.count() - before);
        return {};
    };
    const bool was_whole = !file.is_new() && file.continuation().empty();
    if (!was_whole) {
        auto read = client.list(listing, [&](const json::object& enrollment) -> Result<> {
            if (has_keys_left_out(enrollment)) ++without_keys;
            MUSTER_TRY(const auto line, lines.line(enrollment));
            file.add(line);
            ++in_page;
            return {};
        });
        bar.clear();
        if (!read) return fail(read.error());
    }
    MUSTER_CHECK(file.finish());
    if (context.json()) {
        print_json(context, json::object{{"exported", file.count()}, {"file", options.file}});
    } else {
        context.io.out(fmt::format("Exported {} {} to {} in {}.\n", grouped(file.count()),
                                   options.groups ? "enrollment groups" : "individual enrollments", options.file,
                                   duration_text(std::chrono::steady_clock::now() - began)));
    }
    if (without_keys != 0)
        context.io.err(
            fmt::format("Note: {} have symmetric keys, which are left out: an import makes new ones. --keys "
                        "exports them, too.\n",
                        grouped(without_keys)));
    return {};
}

}  // namespace

void add_export_command(CLI::App& app, Context& context) {
    auto& verb = add_service_verb(app, context, "export", "Write all enrollments into a file: JSON lines or CSV",
                                  "  muster export fleet.jsonl\n"
                                  "  muster export groups.jsonl --groups --keys\n"
                                  "\n"
                                  "`muster import` makes them again, here or at another service. The file is readable "
                                  "for its owner alone.\n"
                                  "A run that was ended in the middle is taken up by the next.\n");
    auto options = std::make_shared<ExportOptions>();
    add_bulk_file(verb, options->file, "the file to write");
    add_format(verb, options->format, "what to write; default: by the file's name");
    verb.add_flag("--groups", options->groups, "enrollment groups; default: individual enrollments");
    verb.add_flag("--keys", options->with_keys, "with symmetric keys");
    verb.callback([&context, options] { context.finish(export_enrollments(context, *options)); });
}

}  // namespace muster::cli
