// `muster events`: what happens at the service, as it happens.
#include <algorithm>
#include <thread>

#include "base/bytes.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/journal_view.h"

namespace muster::cli {
namespace {

constexpr std::size_t page = 500;
constexpr int wait_seconds = 50;  // below the client's own patience with an answer
constexpr std::size_t shown_by_default = 50;
constexpr auto first_pause = std::chrono::seconds(1);
constexpr auto longest_pause = std::chrono::seconds(30);

struct EventOptions {
    std::vector<std::string> types;
    std::string since;
    std::string after;
    std::optional<std::size_t> last;
    bool follow = false;
};

class Printer {
public:
    Printer(Context& context, bool lines)
        : context_(context),
          lines_(lines),
          array_(context.io),
          table_({{"TIME", ColumnKind::word},
                  {"EVENT", ColumnKind::word},
                  {"SUBJECT", ColumnKind::id},
                  {"BY", ColumnKind::word},
                  {"DETAIL"}},
                 context.io.columns, context.io.out) {}

    void add(const json::object& event) {
        ++count_;
        if (context_.json()) {
            lines_ ? context_.io.out(json::serialize(event) + '\n') : array_.add(event);
        } else {
            table_.add({text_at(event, "timeUtc").substr(0, 19), string_or(event, "type"), string_or(event, "subject"),
                        string_or(event, "actor"), journal_detail(event)});
        }
    }
    // What has been added is seen, whatever comes.
    void show() {
        if (!context_.json()) table_.finish();
        context_.io.flush();
    }
    void finish() {
        if (context_.json() && !lines_) array_.finish();
        show();
        if (count_ == 0 && !context_.json()) context_.io.err("There are no such events.\n");
    }

private:
    Context& context_;
    bool lines_;
    JsonArrayPrinter array_;
    Table table_;
    std::size_t count_ = 0;
};

std::string check_event_id(const std::string& text) {
    if (const auto id = parse_integer<std::int64_t>(text); id && *id >= 0) return {};
    return fmt::format("'{}' is no id of an event: a number, as `--output json` shows it", printable(text));
}

Result<std::string> first_place(const Context& context, const EventOptions& options) {
    if (!options.after.empty()) return "after=" + percent_encode(options.after);
    if (!options.since.empty()) {
        MUSTER_TRY(const auto since, utc_of_moment(options.since, context.io.now));
        return "since=" + percent_encode(since);
    }
    return fmt::format("last={}", options.last.value_or(options.follow ? 0 : shown_by_default));
}

Result<json::object> read_page(ServiceClient& client, const EventOptions& options, const std::string& place,
                               bool waits) {
    auto path = fmt::format("/muster/events?{}&limit={}", place, page);
    if (waits) path += fmt::format("&wait={}", wait_seconds);
    if (!options.types.empty()) path += "&types=" + percent_encode(join(options.types, ","));
    return client.call_object({.what = "read events", .path = path, .api_version = muster_api});
}

// A service that is away for a while is waited for: the place to go on from is ours.
bool may_come_back(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout || error.code() == Errc::throttled;
}

Result<> print_page(Context& context, const json::object& answer, Printer& printer, std::string& place) {
    if (const auto* gap = find_member(answer, "gap"); gap != nullptr && gap->is_bool() && gap->as_bool())
        context.io.err("Note: older events that came next have been removed (retention).\n");
    const auto* events = find_member(answer, "events");
    if (events == nullptr || !events->is_array())
        return fail(Errc::invalid_argument, "cannot read events: the answer has none");
    for (const auto& event : events->as_array())
        if (event.is_object()) printer.add(event.as_object());
    MUSTER_TRY(const auto next, required_string(answer, "next"));
    place = "after=" + percent_encode(next);
    return {};
}

bool has_more(const json::object& answer) {
    const auto* more = find_member(answer, "more");
    return more != nullptr && more->is_bool() && more->as_bool();
}

Result<> show(Context& context, const EventOptions& options) {
    MUSTER_TRY(auto place, first_place(context, options));
    MUSTER_TRY(auto client, context.connect());
    Printer printer(context, options.follow);
    if (options.follow) context.io.end_with_reader();
    auto pause = first_pause;
    for (;;) {
        const auto answer = read_page(client, options, place, options.follow);
        if (answer) {
            pause = first_pause;
            MUSTER_CHECK(print_page(context, *answer, printer, place));
            if (options.follow) printer.show();
            if (!options.follow && !has_more(*answer)) break;
            continue;
        }
        if (!options.follow || !may_come_back(answer.error())) return fail(answer.error());
        context.io.err(fmt::format("Note: {}; trying again in {} s.\n", answer.error().message(), pause.count()));
        std::this_thread::sleep_for(pause);
        pause = std::min(pause * 2, longest_pause);
    }
    printer.finish();
    return {};
}

}  // namespace

void add_events_command(CLI::App& app, Context& context) {
    auto& verb = add_service_verb(
        app, context, "events", "What happens: registrations, changes, certificates that near their end",
        "  muster events                                  # the last ones\n"
        "  muster events --follow --type registration.failed,registration.refused\n"
        "  muster events --since 3h --type enrollment,enrollmentGroup\n"
        "  muster events --after 4711 --output json       # what came after the event with that id\n");
    auto options = std::make_shared<EventOptions>();
    verb.add_flag("-f,--follow", options->follow, "go on as more happens, until interrupted; json comes line by line");
    add_types(
        verb, options->types,
        "only these: registration, enrollment, enrollmentGroup, certificate, revocationList, device, module, twin, "
        "hub, policy, authority, ..., or one of them alone (registration.refused)");
    auto* since = add_since(verb, options->since);
    auto* after = verb.add_option("--after", options->after, "those after the event with this id")
                      ->check(check_event_id, "", "")
                      ->type_name("ID");
    auto* last =
        add_number(verb, "-n,--last", options->last, 0, 1000,
                   fmt::format("begin with so many of the last ones; default {}, with --follow 0", shown_by_default));
    since->excludes(after)->excludes(last);
    after->excludes(last);
    verb.callback([&context, options] { context.finish(show(context, *options)); });
}

}  // namespace muster::cli
