// `muster import`: a fleet's enrollments from a file.
#include "base/text.h"
#include "muster/bulk/importer.h"
#include "muster/bulk/progress_bar.h"
#include "muster/bulk/record_check.h"
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

constexpr std::size_t failures_shown = 10;

struct ImportOptions {
    std::string file;
    std::string format;
    std::string report;
    std::size_t concurrency = 8;
    bool replace = false;
    bool anew = false;
    bool dry_run = false;
};

// The first failures, as they come; the report has them all.
class FailurePrinter {
public:
    FailurePrinter(Context& context, std::string file) : context_(context), file_(std::move(file)) {}
    void print(const std::vector<ImportFailure>& failures, ProgressBar& bar) {
        for (const auto& failure : failures) {
            if (context_.json() || count_++ >= failures_shown) continue;
            bar.clear();
            context_.io.err(fmt::format("{}:{}: {}{}\n", file_, failure.line,
                                        failure.id.empty() ? "" : printable(failure.id) + ": ", failure.message));
        }
    }

private:
    Context& context_;
    std::string file_;
    std::size_t count_ = 0;
};

std::string records_text(std::size_t count) {
    return fmt::format("{} record{}", grouped(count), count == 1 ? "" : "s");
}

void print_sum(Context& context, const ImportCounts& counts, const std::string& file, const std::string& report,
               std::chrono::duration<double> took) {
    if (context.json()) {
        json::object sum{{"records", counts.records}, {"created", counts.created}, {"existing", counts.existing},
                         {"updated", counts.updated}, {"failed", counts.failed},   {"seconds", took.count()}};
        if (counts.failed != 0) sum["report"] = report;
        return print_json(context, sum);
    }
    std::vector<std::string> parts{fmt::format("{} created", grouped(counts.created))};
    if (counts.updated != 0) parts.push_back(fmt::format("{} replaced", grouped(counts.updated)));
    if (counts.existing != 0) parts.push_back(fmt::format("{} were there already", grouped(counts.existing)));
    if (counts.failed != 0) parts.push_back(fmt::format("{} failed", grouped(counts.failed)));
    context.io.out(fmt::format("Imported {} of {} in {}: {}.\n", records_text(counts.records), file,
                               duration_text(took), join(parts, ", ")));
    if (counts.failed != 0) context.io.err(fmt::format("What failed, line by line: {}\n", report));
}

Result<> check_only(Context& context, const ImportOptions& options) {
    MUSTER_TRY(const auto format, format_of(options.format, options.file));
    MUSTER_TRY(auto reader, BulkReader::open(options.file, format));
    ProgressBar bar(context.io, "checked");
    FailurePrinter failures(context, options.file);
    std::size_t records = 0;
    std::size_t failed = 0;
    for (;; ++records) {
        MUSTER_TRY(const auto record, reader->next());
        if (!record) break;
        bar.show(static_cast<double>(reader->bytes_read()) /
                     static_cast<double>(std::max<std::uintmax_t>(1, reader->size())),
                 records);
        const auto fault = fault_of(*record);
        if (fault.empty()) continue;
        ++failed;
        failures.print({{record->line, record->id, 0, fault}}, bar);
    }
    bar.clear();
    if (context.json()) {
        print_json(context, json::object{{"records", records}, {"failed", failed}});
    } else {
        context.io.out(fmt::format("{} in {}, {} of them wrong. Nothing was sent.\n", records_text(records),
                                   options.file, grouped(failed)));
    }
    if (failed != 0) context.exit_code = exit_failed;
    return {};
}

Result<> import(Context& context, const ImportOptions& options) {
    if (options.dry_run) return check_only(context, options);
    MUSTER_TRY(const auto format, format_of(options.format, options.file));
    MUSTER_TRY(auto reader, BulkReader::open(options.file, format));
    MUSTER_TRY(const auto client, context.connect());
    MUSTER_TRY(const auto identity, ImportIdentity::of(options.file, client.target().base_url, options.replace));
    MUSTER_TRY(auto progress, ImportProgress::open(options.file, options.report, identity, options.anew));
    // Before the first call: what cannot keep track must not begin.
    MUSTER_CHECK(progress.save());
    const auto before = progress.counts().records;
    if (before != 0)
        context.io.err(fmt::format("Going on behind record {}, where a run before was ended (--restart begins anew).\n",
                                   grouped(before)));

    ProgressBar bar(context.io, "imported");
    FailurePrinter failures(context, options.file);
    const auto began = std::chrono::steady_clock::now();
    Importer importer(client.target(), *reader,
                      {.replace = options.replace, .concurrency = options.concurrency, .now = context.io.now}, before,
                      [&](const ImportCounts& counts, const std::vector<ImportFailure>& failed) -> Result<> {
                          MUSTER_CHECK(progress.add(counts, failed));
                          failures.print(failed, bar);
                          bar.show(static_cast<double>(reader->bytes_read()) /
                                       static_cast<double>(std::max<std::uintmax_t>(1, reader->size())),
                                   progress.counts().records - before);
                          return {};
                      });
    auto outcome = importer.run();
    bar.clear();
    if (!outcome) {
        MUSTER_CHECK(progress.save());
        return fail(Error(outcome.error())
                        .wrap(fmt::format("the import of {} ended after {}", options.file,
                                          records_text(progress.counts().records)))
                        .with_hint("The same command goes on from there."));
    }
    MUSTER_CHECK(progress.finish());
    print_sum(context, progress.counts(), options.file, progress.report().string(),
              std::chrono::steady_clock::now() - began);
    if (progress.counts().failed != 0) context.exit_code = exit_failed;
    return {};
}

}  // namespace

void add_import_command(CLI::App& app, Context& context) {
    auto& verb = add_service_verb(
        app, context, "import", "Write the enrollments of a whole fleet from a file: JSON lines or CSV",
        "  muster import fleet.csv\n"
        "  muster import fleet.jsonl --replace\n"
        "  muster import fleet.csv --dry-run                # which lines are wrong? Nothing is sent\n"
        "\n"
        "A line of a .jsonl file is an enrollment or an enrollment group as the API and `muster export` have it. The\n"
        "first line of a .csv file names its columns: registrationId (or enrollmentGroupId), certificate, primaryKey,\n"
        "deviceId, iotEdge, tags, ...; a certificate is base64, or @FILE.\n"
        "What is there already stays as it is, so the same command can be given twice; --replace writes it anew. A "
        "run\n"
        "that was ended in the middle is taken up by the next. What failed is in FILE.failed, line by line.\n");
    auto options = std::make_shared<ImportOptions>();
    add_bulk_file(verb, options->file, "the file to read");
    add_format(verb, options->format, "what the file holds; default: by its name");
    verb.add_flag("--replace", options->replace, "replace what is there already");
    verb.add_flag("--restart", options->anew, "from the first line, even if a run before was ended in the middle");
    verb.add_flag("--dry-run", options->dry_run,
                  "read the file and say what can be seen to be wrong without the service");
    add_file(verb, "--report", options->report, "where failures go; default: FILE.failed");
    add_number(verb, "--concurrency", options->concurrency, 1, 64, "calls at a time; default 8");
    verb.callback([&context, options] { context.finish(import(context, *options)); });
}

}  // namespace muster::cli
