// `muster audit`: who changed what, and when.
#include "base/bytes.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/journal_view.h"

namespace muster::cli {
namespace {

constexpr std::size_t page = 500;
constexpr std::size_t shown_by_default = 50;

struct AuditOptions {
    std::vector<std::string> types;
    std::string since;
    std::string actor;
    std::string subject;
    std::size_t top = shown_by_default;
    bool all = false;
};

Result<std::string> filters(const Context& context, const AuditOptions& options) {
    std::string query;
    const auto add = [&](std::string_view name, const std::string& value) {
        if (!value.empty()) query += fmt::format("&{}={}", name, percent_encode(value));
    };
    if (!options.since.empty()) {
        MUSTER_TRY(const auto since, utc_of_moment(options.since, context.io.now));
        add("since", since);
    }
    add("actor", options.actor);
    add("subject", options.subject);
    add("types", join(options.types, ","));
    return query;
}

// Newest first, one page in memory at a time. True when there are more than `top`.
Result<bool> read_changes(ServiceClient& client, const AuditOptions& options, const std::string& query,
                          const std::function<void(const json::object&)>& each) {
    std::size_t count = 0;
    std::string place;
    for (;;) {
        const auto wanted = options.all ? page : std::min(page, options.top - count);
        MUSTER_TRY(const auto answer,
                   client.call_object({.what = "read the audit trail",
                                       .path = fmt::format("/muster/audit?limit={}{}{}", wanted, query, place),
                                       .api_version = muster_api}));
        const auto* changes = find_member(answer, "changes");
        if (changes == nullptr || !changes->is_array())
            return fail(Errc::invalid_argument, "cannot read the audit trail: the answer has no changes");
        for (const auto& change : changes->as_array())
            if (change.is_object()) each(change.as_object());
        count += changes->as_array().size();
        const auto next = string_or(answer, "next");
        if (next.empty()) return false;
        if (!options.all && count >= options.top) return true;
        place = "&before=" + percent_encode(next);
    }
}

Result<> show(Context& context, const AuditOptions& options) {
    MUSTER_TRY(const auto query, filters(context, options));
    MUSTER_TRY(auto client, context.connect());
    JsonArrayPrinter array(context.io);
    Table table({{"TIME", ColumnKind::word},
                 {"BY", ColumnKind::word},
                 {"CHANGE", ColumnKind::word},
                 {"SUBJECT", ColumnKind::id},
                 {"FROM", ColumnKind::word},
                 {"DETAIL"}},
                context.io.columns, context.io.out);
    std::size_t count = 0;
    const auto more = read_changes(client, options, query, [&](const json::object& change) {
        ++count;
        if (context.json()) return array.add(change);
        table.add({text_at(change, "timeUtc").substr(0, 19), string_or(change, "actor"), string_or(change, "type"),
                   string_or(change, "subject"), string_or(change, "peer"), journal_detail(change)});
    });
    if (!more) {
        table.finish();
        return fail(more.error());
    }
    context.json() ? array.finish() : table.finish();
    if (context.json()) return {};
    if (count == 0) context.io.err("There are no such changes.\n");
    if (*more) context.io.err(fmt::format("The newest {}; there are more: raise --top, or --all.\n", count));
    return {};
}

}  // namespace

void add_audit_command(CLI::App& app, Context& context) {
    auto& verb = add_service_verb(app, context, "audit", "Who changed what and when, newest first",
                                  "  muster audit\n"
                                  "  muster audit --subject dev-1\n"
                                  "  muster audit --by owner --type policy,certificate --since 30d\n"
                                  "  muster audit --all --output json > changes.json\n");
    auto options = std::make_shared<AuditOptions>();
    verb.add_option("-s,--subject", options->subject, "only what was done to this id")->type_name("ID");
    verb.add_option("--by", options->actor, "only what was done with this access policy")->type_name("POLICY");
    add_types(verb, options->types,
              "only these: enrollment, enrollmentGroup, certificate, device, module, registration, policy, "
              "hub, ..., or one of them alone (enrollment.deleted)");
    add_since(verb, options->since);
    auto* top = add_number(verb, "--top", options->top, 1, 1'000'000'000,
                           fmt::format("at most so many; default {}", shown_by_default));
    verb.add_flag("--all", options->all, "all there are")->excludes(top);
    verb.callback([&context, options] { context.finish(show(context, *options)); });
}

}  // namespace muster::cli
