// `muster registration`: the records of what devices asked for and got.
#include "base/bytes.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/enrollment_view.h"
#include "muster/registration_test.h"

namespace muster::cli {
namespace {

Call call_of(const char* verb, const char* method, const std::string& id) {
    return {.what = fmt::format("{} registration '{}'", verb, id),
            .method = method,
            .path = fmt::format("/registrations/{}", percent_encode(id)),
            .not_found_hint =
                "No device has registered under this id: `muster status` shows who registered last, `muster\n"
                "  registration list --group GROUP` those of a group."};
}

Result<> show(Context& context, const std::string& id) {
    return show_answer(context, call_of("show", "GET", id), print_registration);
}

Result<> remove(Context& context, const std::string& id, const std::string& etag) {
    auto call = call_of("delete", "DELETE", id);
    call.if_match = etag;
    return send_deletion(context, call, fmt::format("Deleted registration '{}'.", id));
}

Result<> list(Context& context, const std::string& group, Listing listing) {
    listing.call = {.what = fmt::format("list the registrations of group '{}'", group),
                    .method = "POST",
                    .path = fmt::format("/registrations/{}/query", percent_encode(group)),
                    .body = json::object{{"query", "SELECT *"}},
                    .not_found_hint = "`muster enrollment-group list` shows the groups there are."};
    MUSTER_TRY(auto client, context.connect());
    return print_listing(context, client, listing, registration_list_view(context));
}

}  // namespace

void add_registration_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "registration", "Registration records: what devices asked for, and what became of it");

    auto& list_verb = add_service_verb(noun, context, "list", "List the registrations of an enrollment group",
                                       "  muster registration list --group plant-3\n");
    auto group = std::make_shared<std::string>();
    auto listing = std::make_shared<Listing>();
    add_registration_id(list_verb, "-g,--group", *group, "the enrollment group")->type_name("GROUP");
    add_paging(list_verb, *listing);
    list_verb.callback([&context, group, listing] { context.finish(list(context, *group, *listing)); });

    auto& show_verb =
        add_service_verb(noun, context, "show", "Show one device's registration", "  muster registration show dev-1\n");
    auto id = std::make_shared<std::string>();
    add_registration_id(show_verb, "ID", *id, "registration id");
    show_verb.callback([&context, id] { context.finish(show(context, *id)); });

    auto& delete_verb = add_service_verb(
        noun, context, "delete", "Forget a registration: the device's next one is its first; the hub keeps its device",
        "  muster registration delete dev-1\n");
    auto deleted = std::make_shared<std::string>();
    auto etag = std::make_shared<std::string>();
    add_registration_id(delete_verb, "ID", *deleted, "registration id");
    add_etag(delete_verb, *etag, "delete");
    delete_verb.callback([&context, deleted, etag] { context.finish(remove(context, *deleted, *etag)); });

    add_registration_test_verb(noun, context);
}

}  // namespace muster::cli
