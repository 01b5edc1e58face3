// `muster crl`: revocation lists of enrollment groups.
#include "base/bytes.h"
#include "base/file.h"
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

Call call_of(const char* verb, const char* method, const std::string& group, const std::string& issuer = {}) {
    auto path = fmt::format("/enrollmentGroups/{}/revocationLists", percent_encode(group));
    if (!issuer.empty()) path += "/" + percent_encode(issuer);
    return {.what = fmt::format("{} of enrollment group '{}'", verb, group),
            .method = method,
            .path = std::move(path),
            .not_found_hint = "`muster crl list GROUP` shows those there are."};
}

std::string is_ended(const json::object& list) {
    if (text_at(list, "ended") != "true") return "no";
    return text_at(list, "mustBeCurrent") == "true" ? "yes: the group lets no device in by this CA" : "yes, used on";
}

Result<> set(Context& context, const std::string& group, const std::string& path, const std::string& issuers,
             bool must_be_current) {
    MUSTER_TRY(const auto content, read_file(path));
    // A DER file is bytes, and JSON is text.
    const bool is_pem = content.contains("-----BEGIN X509 CRL-----");
    json::object body{{"crl", is_pem ? content : base64_encode(as_bytes(content))}, {"mustBeCurrent", must_be_current}};
    if (!issuers.empty()) {
        MUSTER_TRY(body["issuers"], read_file(issuers));
    }
    MUSTER_TRY(auto client, context.connect());
    auto call = call_of("set a revocation list", "PUT", group);
    call.not_found_hint = "`muster enrollment-group list` shows the groups there are.";
    call.body = std::move(body);
    MUSTER_TRY(const auto list, client.call_object(call));
    if (context.json()) {
        print_json(context, list);
        return {};
    }
    FactSheet facts;
    facts.add("Group", string_or(list, "enrollmentGroupId"));
    facts.add("Issuer", string_or(list, "issuer"));
    facts.add("SHA-256", string_or(list, "issuerThumbprint"));
    facts.add("Of", long_time(list, "thisUpdateUtc", context.io.now));
    facts.add("Next", long_time(list, "nextUpdateUtc", context.io.now));
    facts.add("Ended", is_ended(list));
    facts.add("Entries", text_at(list, "entries"));
    facts.print(context.io);
    return {};
}

Result<> list(Context& context, const std::string& group) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto answer, client.call_object(call_of("list the revocation lists", "GET", group)));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    const auto* lists = find_member(answer, "value");
    if (lists == nullptr || !lists->is_array() || lists->as_array().empty()) {
        context.io.err("The group has no revocation lists.\n");
        return {};
    }
    Table table({{"ISSUER"}, {"ENTRIES", ColumnKind::word}, {"NEXT", ColumnKind::word}, {"ENDED"}, {"SHA-256"}},
                context.io.columns, context.io.out);
    for (const auto& entry : lists->as_array()) {
        if (!entry.is_object()) continue;
        const auto& one = entry.as_object();
        table.add({string_or(one, "issuer"), text_at(one, "entries"), string_or(one, "nextUpdateUtc").substr(0, 10),
                   is_ended(one), string_or(one, "issuerThumbprint")});
    }
    table.finish();
    return {};
}

Result<> remove(Context& context, const std::string& group, const std::string& issuer) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_CHECK(client.call(call_of("delete a revocation list", "DELETE", group, issuer)));
    if (!context.json()) context.io.out(fmt::format("Deleted the revocation list of {}.\n", issuer));
    return {};
}

}  // namespace

void add_crl_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "crl", "Revocation lists of enrollment groups: certificates that their own CA revoked");
    auto& set_verb = add_service_verb(
        noun, context, "set", "Give a group the revocation list of one of its CAs, in place of an older one",
        "  muster crl set plant-3 --path root.crl\n"
        "  muster crl set plant-3 --path line-1.crl --issuers line-1.pem   # of a CA below the group's\n");
    struct Options {
        std::string group;
        std::string path;
        std::string issuers;
        bool must_be_current = false;
    };
    auto options = std::make_shared<Options>();
    add_registration_id(set_verb, "GROUP", options->group, "id of the enrollment group");
    add_file(set_verb, "-p,--path", options->path, "the revocation list (PEM or DER)")->required();
    add_file(
        set_verb, "--issuers", options->issuers,
        "its issuer and what is between that and a CA of the group (PEM), when that CA did not sign the list itself");
    set_verb.add_flag("--must-be-current", options->must_be_current,
                      "once the list has ended, let no device in by its issuer; without it the list is used on");
    set_verb.callback([&context, options] {
        context.finish(set(context, options->group, options->path, options->issuers, options->must_be_current));
    });

    auto& list_verb =
        add_service_verb(noun, context, "list", "List the revocation lists of a group", "  muster crl list plant-3\n");
    auto listed = std::make_shared<std::string>();
    add_registration_id(list_verb, "GROUP", *listed, "id of the enrollment group");
    list_verb.callback([&context, listed] { context.finish(list(context, *listed)); });

    auto& delete_verb = add_service_verb(noun, context, "delete", "Delete a revocation list",
                                         "  muster crl delete plant-3 3045A1E3428F…\n");
    auto group = std::make_shared<std::string>();
    auto issuer = std::make_shared<std::string>();
    add_registration_id(delete_verb, "GROUP", *group, "id of the enrollment group");
    delete_verb.add_option("ISSUER", *issuer, "SHA-256 thumbprint of the list's issuer")->required()->type_name("");
    delete_verb.callback([&context, group, issuer] { context.finish(remove(context, *group, *issuer)); });
}

}  // namespace muster::cli
