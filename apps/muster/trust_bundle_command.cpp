// `muster trust-bundle`: CA certificates under a name, which devices are given with their registration.
#include "base/bytes.h"
#include "base/text.h"
#include "muster/certificate_files.h"
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

// The version that the original had them in.
constexpr const char* bundle_api = "2021-11-01-preview";

Call call_of(const char* verb, const char* method, const std::string& id) {
    return {.what = fmt::format("{} trust bundle '{}'", verb, id),
            .method = method,
            .path = fmt::format("/trustBundles/{}", percent_encode(id)),
            .api_version = bundle_api,
            .not_found_hint = "`muster trust-bundle list` shows those there are."};
}

const json::array& certificates_of(const json::object& bundle) {
    static const json::array none;
    const auto* certificates = find_member(bundle, "certificates");
    return certificates != nullptr && certificates->is_array() ? certificates->as_array() : none;
}

std::string certificate_text(const json::value& entry, TimePoint now) {
    const auto* metadata = entry.is_object() ? object_at(entry.as_object(), "metadata") : nullptr;
    if (metadata == nullptr) return {};
    return fmt::format("{}, until {}, SHA-256 {}", string_or(*metadata, "subjectName"),
                       long_time(*metadata, "notAfterUtc", now), string_or(*metadata, "sha256Thumbprint"));
}

void print_bundle(const Context& context, const json::object& bundle) {
    FactSheet facts;
    facts.add("Id", string_or(bundle, "id"));
    for (const auto& entry : certificates_of(bundle)) facts.add("Certificate", certificate_text(entry, context.io.now));
    facts.add("Created", long_time(bundle, "createdDateTime", context.io.now));
    facts.add("Updated", long_time(bundle, "lastModifiedDateTime", context.io.now));
    facts.add("ETag", string_or(bundle, "etag"));
    facts.print(context.io);
}

// All certificates of all files, each an entry of its own.
Result<json::object> body_of(const std::vector<std::string>& paths) {
    json::array certificates;
    for (const auto& path : paths) {
        MUSTER_TRY(const auto chain, read_certificate_file(path));
        for (const auto& certificate : chain) certificates.push_back({{"certificate", certificate.pem()}});
    }
    return json::object{{"certificates", std::move(certificates)}};
}

// The API's PUT would replace an existing one; a command called "create" must not.
Result<> refuse_existing(ServiceClient& client, const std::string& id) {
    const auto existing = client.call(call_of("create", "GET", id));
    if (!existing && existing.error().code() == Errc::not_found) return {};
    if (!existing) return fail(existing.error());
    return fail(Error(Errc::already_exists, fmt::format("trust bundle '{}' exists already", id))
                    .with_hint(fmt::format("Look at it: muster trust-bundle show {0}\n  Replace its certificates: "
                                           "muster trust-bundle update {0} --path FILE",
                                           id)));
}

struct WriteOptions {
    std::string id;
    std::vector<std::string> paths;
    std::string etag = "*";
};

Result<> write(Context& context, Call call, const WriteOptions& options, bool only_new) {
    MUSTER_TRY(call.body, body_of(options.paths));
    MUSTER_TRY(auto client, context.connect());
    if (only_new) MUSTER_CHECK(refuse_existing(client, options.id));
    MUSTER_TRY(const auto bundle, client.call_object(call));
    context.json() ? print_json(context, bundle) : print_bundle(context, bundle);
    return {};
}

Result<> show(Context& context, const std::string& id, bool pem) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto bundle, client.call_object(call_of("show", "GET", id)));
    if (!pem) {
        context.json() ? print_json(context, bundle) : print_bundle(context, bundle);
        return {};
    }
    for (const auto& entry : certificates_of(bundle))
        if (entry.is_object()) context.io.out(string_or(entry.as_object(), "certificate"));
    return {};
}

Result<> list(Context& context, Listing listing) {
    listing.call = {.what = "list trust bundles",
                    .method = "POST",
                    .path = "/trustBundles/query",
                    .api_version = bundle_api,
                    .body = json::object{{"query", "SELECT *"}}};
    MUSTER_TRY(auto client, context.connect());
    const ListView view{{{"ID", ColumnKind::id}, {"UPDATED", ColumnKind::word}, {"CERTIFICATES"}},
                        [now = context.io.now](const json::object& bundle) {
                            std::vector<std::string> names;
                            for (const auto& entry : certificates_of(bundle))
                                if (entry.is_object())
                                    names.push_back(text_at(entry.as_object(), "metadata.subjectName"));
                            return std::vector<std::string>{string_or(bundle, "id"),
                                                            short_time(bundle, "lastModifiedDateTime", now),
                                                            join(names, "; ")};
                        },
                        "There are no trust bundles."};
    return print_listing(context, client, listing, view);
}

Result<> remove(Context& context, const std::string& id, const std::string& etag) {
    auto call = call_of("delete", "DELETE", id);
    call.if_match = etag;
    return send_deletion(context, call, fmt::format("Deleted trust bundle '{}'.", id));
}

void add_paths(CLI::App& verb, WriteOptions& options) {
    add_registration_id(verb, "ID", options.id, "name of the trust bundle");
    verb.add_option("-p,--path", options.paths, "CA certificates (PEM or DER); repeat it for several files")
        ->required()
        ->type_name("FILE")
        ->allow_extra_args(false);
}

void add_writing(CLI::App& noun, Context& context) {
    auto& create_verb = add_service_verb(noun, context, "create", "Keep CA certificates under a name, for devices",
                                         "  muster trust-bundle create gateways --path gateway-root.pem\n"
                                         "  muster enrollment-group update plant-3 --trust-bundle gateways\n");
    auto created = std::make_shared<WriteOptions>();
    add_paths(create_verb, *created);
    create_verb.callback(
        [&context, created] { context.finish(write(context, call_of("create", "PUT", created->id), *created, true)); });

    auto& update_verb =
        add_service_verb(noun, context, "update", "Replace its certificates; devices get them when they register again",
                         "  muster trust-bundle update gateways --path old-root.pem --path new-root.pem\n");
    auto updated = std::make_shared<WriteOptions>();
    add_paths(update_verb, *updated);
    add_etag(update_verb, updated->etag, "change");
    update_verb.callback([&context, updated] {
        auto call = call_of("update", "PUT", updated->id);
        call.if_match = updated->etag;
        context.finish(write(context, std::move(call), *updated, false));
    });
}

}  // namespace

void add_trust_bundle_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "trust-bundle", "Trust bundles: CA certificates that devices get when they register");
    add_writing(noun, context);

    auto& show_verb = add_service_verb(noun, context, "show", "Show a trust bundle",
                                       "  muster trust-bundle show gateways\n"
                                       "  muster trust-bundle show gateways --pem > gateways.pem\n");
    auto shown = std::make_shared<std::string>();
    auto pem = std::make_shared<bool>(false);
    add_registration_id(show_verb, "ID", *shown, "name of the trust bundle");
    show_verb.add_flag("--pem", *pem, "print its certificates alone (PEM)");
    show_verb.callback([&context, shown, pem] { context.finish(show(context, *shown, *pem)); });

    auto& list_verb = add_service_verb(noun, context, "list", "List the trust bundles", "  muster trust-bundle list\n");
    auto listing = std::make_shared<Listing>();
    add_paging(list_verb, *listing);
    list_verb.callback([&context, listing] { context.finish(list(context, *listing)); });

    auto& delete_verb = add_service_verb(noun, context, "delete", "Delete a trust bundle that no enrollment names",
                                         "  muster trust-bundle delete gateways\n");
    auto deleted = std::make_shared<std::string>();
    auto etag = std::make_shared<std::string>();
    add_registration_id(delete_verb, "ID", *deleted, "name of the trust bundle");
    add_etag(delete_verb, *etag, "delete");
    delete_verb.callback([&context, deleted, etag] { context.finish(remove(context, *deleted, *etag)); });
}

}  // namespace muster::cli
