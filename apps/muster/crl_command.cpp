// `muster crl`: revocation lists of enrollment groups.
#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "muster/certificate_files.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/crl_view.h"
#include "muster/duration.h"
#include "pki/crl.h"

namespace muster::cli {
namespace {

constexpr const char* no_such_group_hint = "`muster enrollment-group list` shows the groups there are.";

Call call_of(const char* verb, const char* method, const std::string& group, const std::string& issuer = {}) {
    auto path = fmt::format("/enrollmentGroups/{}/revocationLists", percent_encode(group));
    if (!issuer.empty()) path += "/" + percent_encode(issuer);
    return {.what = fmt::format("{} of enrollment group '{}'", verb, group),
            .method = method,
            .path = std::move(path),
            .not_found_hint = "`muster crl list GROUP` shows those there are."};
}

// What was given to `set`.
struct CrlOptions {
    std::string group;
    std::string path;
    std::string url;
    std::string ca;
    std::string refresh;
    std::string issuers;
    bool must_be_current = false;
};

Result<json::object> body_of(const CrlOptions& options) {
    json::object body{{"mustBeCurrent", options.must_be_current}};
    if (options.url.empty()) {
        MUSTER_TRY(const auto content, read_file(options.path));
        if (const auto list = pki::RevocationList::from_any(content); !list)
            return fail(list.error().wrap(fmt::format("{} is not a revocation list", options.path)));
        // A DER file is bytes, and JSON is text.
        const bool is_pem = content.contains("-----BEGIN X509 CRL-----");
        body["crl"] = is_pem ? content : base64_encode(as_bytes(content));
    } else {
        body["url"] = options.url;
    }
    if (!options.issuers.empty()) {
        MUSTER_TRY(body["issuers"], read_certificates_as_pem(options.issuers));
    }
    if (!options.ca.empty()) {
        MUSTER_TRY(body["caCertificate"], read_certificates_as_pem(options.ca));
    }
    if (!options.refresh.empty()) body["refreshSeconds"] = seconds_of(options.refresh).value_or(0);
    return body;
}

Result<> set(Context& context, const CrlOptions& options) {
    MUSTER_TRY(auto body, body_of(options));
    MUSTER_TRY(auto client, context.connect());
    auto call = call_of("set a revocation list", "PUT", options.group);
    call.not_found_hint = no_such_group_hint;
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
    facts.add("Ended", crl_ended(list));
    facts.add("Entries", text_at(list, "entries"));
    facts.add("From", string_or(list, "url"));
    facts.add("Next fetch", long_time(list, "nextFetchUtc", context.io.now));
    facts.print(context.io);
    return {};
}

// Empty when the options say where the list is, once, and fit that.
std::string fault_of(const CrlOptions& options) {
    if (options.path.empty() == options.url.empty()) return "give either --path or --url";
    if (options.url.empty() && !(options.ca.empty() && options.refresh.empty()))
        return "--server-ca and --refresh go with --url";
    if (!options.refresh.empty() && !seconds_of(options.refresh))
        return fmt::format("--refresh: '{}' is not a time like 10min, 1h or 1d", printable(options.refresh));
    return {};
}

Result<> list(Context& context, const std::string& group) {
    MUSTER_TRY(auto client, context.connect());
    auto call = call_of("list the revocation lists", "GET", group);
    call.not_found_hint = no_such_group_hint;
    MUSTER_TRY(const auto answer, client.call_object(call));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    const auto* lists = find_member(answer, "value");
    if (lists == nullptr || !lists->is_array() || lists->as_array().empty()) {
        context.io.err("The group has no revocation lists.\n");
        return {};
    }
    Table table(
        {{"ISSUER"}, {"ENTRIES", ColumnKind::word}, {"NEXT", ColumnKind::word}, {"ENDED"}, {"FROM"}, {"SHA-256"}},
        context.io.columns, context.io.out);
    for (const auto& entry : lists->as_array()) {
        if (!entry.is_object()) continue;
        const auto& one = entry.as_object();
        table.add({string_or(one, "issuer"), text_at(one, "entries"), string_or(one, "nextUpdateUtc").substr(0, 10),
                   crl_ended(one), crl_origin(one, context.io.now), string_or(one, "issuerThumbprint")});
    }
    table.finish();
    return {};
}

Result<> remove(Context& context, const std::string& group, const std::string& issuer) {
    return send_deletion(context, call_of("delete a revocation list", "DELETE", group, issuer),
                         fmt::format("Deleted the revocation list of {}.", issuer));
}

}  // namespace

void add_crl_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "crl", "Revocation lists of enrollment groups: certificates that their own CA revoked");
    auto& set_verb = add_service_verb(
        noun, context, "set", "Give a group the revocation list of one of its CAs, in place of an older one",
        "  muster crl set plant-3 --path root.crl\n"
        "  muster crl set plant-3 --url http://ca.example/root.crl           # fetched now, and from then on\n"
        "  muster crl set plant-3 --path line-1.crl --issuers line-1.pem     # of a CA below the group's\n");
    auto options = std::make_shared<CrlOptions>();
    add_registration_id(set_verb, "GROUP", options->group, "id of the enrollment group");
    add_file(set_verb, "-p,--path", options->path, "the revocation list (PEM or DER)");
    set_verb
        .add_option("--url", options->url,
                    "where the service fetches it from (http or https): now, every --refresh, and before it ends")
        ->type_name("URL");
    add_file(set_verb, "--server-ca", options->ca,
             "with an https URL: the CA (PEM) that the server must chain to; default: the operating system's store");
    set_verb.add_option("--refresh", options->refresh, "how often it is fetched: 10min, 1h, 1d; default 1h")
        ->type_name("TIME");
    add_file(
        set_verb, "--issuers", options->issuers,
        "its issuer and what is between that and a CA of the group (PEM), when that CA did not sign the list itself");
    set_verb.add_flag("--must-be-current", options->must_be_current,
                      "once the list has ended, let no device in by its issuer; without it the list is used on");
    set_verb.callback([&context, options] {
        const auto fault = fault_of(*options);
        if (!fault.empty()) wrong_usage(fault);
        context.finish(set(context, *options));
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
