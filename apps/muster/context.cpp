#include "muster/context.h"

namespace muster::cli {
namespace {

void print_notes(const Context& context, const ListingResult& result, const ListView& view) {
    if (context.json()) return;
    if (result.items == 0) context.io.err(view.none + '\n');
    if (result.more) context.io.err(fmt::format("The first {}; there are more: raise --top.\n", result.items));
}

}  // namespace

Result<ServiceClient> Context::connect() const {
    MUSTER_TRY(auto target, find_target(connection, io));
    return ServiceClient::create(std::move(target), io.now);
}

void Context::finish(const Result<>& result) {
    if (result) return;
    print_error(io, result.error());
    exit_code = exit_failed;
}

Result<> show_answer(Context& context, const Call& call,
                     const std::function<void(const Context&, const json::object&)>& print) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto answer, client.call_object(call));
    context.json() ? print_json(context, answer) : print(context, answer);
    return {};
}

Result<> send_deletion(Context& context, const Call& call, const std::string& done) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_CHECK(client.call(call));
    if (!context.json()) context.io.out(done + '\n');
    return {};
}

Result<> print_listing(Context& context, ServiceClient& client, const Listing& listing, const ListView& view) {
    JsonArrayPrinter array(context.io);
    Table table(view.columns, context.io.columns, context.io.out);
    auto result = client.list(listing, [&](const json::object& item) -> Result<> {
        context.json() ? array.add(item) : table.add(view.row(item));
        return {};
    });
    // What was read before a failure is shown; the document is left open, so that nothing takes it for the whole.
    if (!result) {
        table.finish();
        return fail(result.error());
    }
    context.json() ? array.finish() : table.finish();
    print_notes(context, *result, view);
    return {};
}

void print_json(const Context& context, const json::value& value) {
    context.io.out(pretty(value) + '\n');
}

}  // namespace muster::cli
