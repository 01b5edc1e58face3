// `muster enrollment` and `muster enrollment-group`: the same verbs over two collections.
#include "base/bytes.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/enrollment_options.h"
#include "muster/enrollment_view.h"
#include "muster/symmetric_keys.h"

namespace muster::cli {
namespace {

struct Noun {
    EnrollmentKind kind;
    const char* command;     // "enrollment"
    const char* words;       // "enrollment", "enrollment group"
    const char* collection;  // the path
};
constexpr Noun individual{EnrollmentKind::individual, "enrollment", "enrollment", "/enrollments"};
constexpr Noun group{EnrollmentKind::group, "enrollment-group", "enrollment group", "/enrollmentGroups"};

Call call_of(const Noun& noun, const char* verb, const char* method, const std::string& id) {
    return {.what = fmt::format("{} {} '{}'", verb, noun.words, id),
            .method = method,
            .path = fmt::format("{}/{}", noun.collection, percent_encode(id)),
            .not_found_hint = fmt::format("`muster {} list` shows those there are.", noun.command)};
}

void print_answer(Context& context, const Noun& noun, const json::object& enrollment, EnrollmentDetail detail) {
    if (context.json()) return print_json(context, enrollment);
    print_enrollment(context, noun.kind, enrollment, detail);
}

// The API's PUT would replace an existing one; a command called "create" must not.
Result<> refuse_existing(ServiceClient& client, const Noun& noun, const std::string& id) {
    const auto existing = client.call(call_of(noun, "create", "GET", id));
    if (!existing && existing.error().code() == Errc::not_found) return {};
    if (!existing) return fail(existing.error());
    return fail(Error(Errc::already_exists, fmt::format("{} '{}' exists already", noun.words, id))
                    .with_hint(fmt::format("Look at it: muster {0} show {1}\n  Change it:  muster {0} update {1} ...",
                                           noun.command, id)));
}

Result<> create(Context& context, const Noun& noun, const EnrollmentOptions& options) {
    json::object body;
    MUSTER_CHECK(apply_options(options, noun.kind, body));
    MUSTER_TRY(auto client, context.connect());
    MUSTER_CHECK(refuse_existing(client, noun, options.id));
    auto call = call_of(noun, "create", "PUT", options.id);
    call.body = std::move(body);
    MUSTER_TRY(const auto created, client.call_object(call));
    print_answer(context, noun, created, EnrollmentDetail::as_written);
    return {};
}

// A GET leaves the keys out; they are a request of their own, which needs the right to write.
Result<json::object> attestation_with_keys(ServiceClient& client, const Noun& noun, const std::string& id) {
    auto call = call_of(noun, "show the keys of", "POST", id);
    call.path += "/attestationmechanism";
    return client.call_object(call);
}

// The revocation lists of a group are a collection of their own.
Result<> add_revocation_lists(ServiceClient& client, const std::string& id, json::object& enrollment) {
    auto call = call_of(group, "show the revocation lists of", "GET", id);
    call.path += "/revocationLists";
    MUSTER_TRY(auto answer, client.call_object(call));
    auto* lists = answer.if_contains("value");
    if (lists != nullptr && lists->is_array() && !lists->as_array().empty())
        enrollment["revocationLists"] = std::move(*lists);
    return {};
}

Result<> show(Context& context, const Noun& noun, const std::string& id, bool with_keys) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto enrollment, client.call_object(call_of(noun, "show", "GET", id)));
    if (noun.kind == EnrollmentKind::group && text_at(enrollment, "attestation.type") == "x509")
        MUSTER_CHECK(add_revocation_lists(client, id, enrollment));
    if (with_keys && text_at(enrollment, "attestation.type") == "symmetricKey") {
        MUSTER_TRY(enrollment["attestation"], attestation_with_keys(client, noun, id));
    }
    print_answer(context, noun, enrollment,
                 with_keys ? EnrollmentDetail::with_keys : EnrollmentDetail::with_registration);
    wipe_strings(enrollment["attestation"]);
    return {};
}

Result<> compute_device_key(Context& context, const std::string& group_id, const std::string& registration_id) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto attestation, attestation_with_keys(client, group, group_id));
    const auto type = string_or(attestation, "type");
    if (type != "symmetricKey")
        return fail(Errc::invalid_argument, "enrollment group '{}' has no symmetric keys: its attestation is {}",
                    group_id, printable(type));
    MUSTER_TRY(const auto primary, derive_device_key(text_at(attestation, "symmetricKey.primaryKey"), registration_id));
    MUSTER_TRY(const auto secondary,
               derive_device_key(text_at(attestation, "symmetricKey.secondaryKey"), registration_id));
    for (auto& member : attestation) wipe_strings(member.value());
    if (context.json()) {
        print_json(context, json::object{{"registrationId", registration_id},
                                         {"primaryKey", primary.text()},
                                         {"secondaryKey", secondary.text()}});
    } else {
        context.io.out(fmt::format("{}\n", primary.text()));
    }
    return {};
}

Result<> update(Context& context, const Noun& noun, const EnrollmentOptions& options) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto body, client.call_object(call_of(noun, "update", "GET", options.id)));
    auto call = call_of(noun, "update", "PUT", options.id);
    call.if_match = options.etag.empty() ? string_or(body, "etag", "*") : options.etag;
    MUSTER_CHECK(apply_options(options, noun.kind, body));
    call.body = std::move(body);
    MUSTER_TRY(const auto updated, client.call_object(call));
    print_answer(context, noun, updated, EnrollmentDetail::as_written);
    return {};
}

Result<> remove(Context& context, const Noun& noun, const std::string& id, const std::string& etag) {
    auto call = call_of(noun, "delete", "DELETE", id);
    call.if_match = etag;
    return send_deletion(context, call, fmt::format("Deleted {} '{}'.", noun.words, id));
}

Result<> list(Context& context, const Noun& noun, Listing listing) {
    listing.call = {.what = fmt::format("list {}s", noun.words),
                    .method = "POST",
                    .path = fmt::format("{}/query", noun.collection),
                    .body = json::object{{"query", "SELECT *"}}};
    MUSTER_TRY(auto client, context.connect());
    return print_listing(context, client, listing, enrollment_list_view(context, noun.kind));
}

void add_create(CLI::App& parent, Context& context, const Noun& noun, const char* description, const char* examples) {
    auto& verb = add_service_verb(parent, context, "create", description, examples);
    auto options = std::make_shared<EnrollmentOptions>();
    add_enrollment_options(verb, noun.kind, EnrollmentVerb::create, *options);
    verb.callback([&context, &noun, options] {
        for (const auto& fault :
             {options->attestation_fault(noun.kind, EnrollmentVerb::create), options->allocation_fault()})
            if (!fault.empty()) wrong_usage(fault);
        context.finish(create(context, noun, *options));
    });
}

void add_update(CLI::App& parent, Context& context, const Noun& noun, const char* description, const char* examples) {
    auto& verb = add_service_verb(parent, context, "update", description, examples);
    auto options = std::make_shared<EnrollmentOptions>();
    add_enrollment_options(verb, noun.kind, EnrollmentVerb::update, *options);
    verb.callback([&context, &noun, options] {
        if (!options->changes_something())
            wrong_usage("nothing to change: give at least one option that changes something");
        const auto fault = options->attestation_fault(noun.kind, EnrollmentVerb::update);
        if (!fault.empty()) wrong_usage(fault);
        context.finish(update(context, noun, *options));
    });
}

void add_show(CLI::App& parent, Context& context, const Noun& noun, const char* description, const char* examples) {
    auto& verb = add_service_verb(parent, context, "show", description, examples);
    auto id = std::make_shared<std::string>();
    auto with_keys = std::make_shared<bool>(false);
    add_registration_id(verb, "ID", *id, noun.kind == EnrollmentKind::group ? "name of the group" : "registration id");
    verb.add_flag("--show-keys,--keys", *with_keys, "with its symmetric keys");
    verb.callback([&context, &noun, id, with_keys] { context.finish(show(context, noun, *id, *with_keys)); });
}

void add_compute_device_key(CLI::App& parent, Context& context) {
    auto& verb = add_service_verb(parent, context, "compute-device-key",
                                  "Print the key of one device of a group with symmetric keys",
                                  "  muster enrollment-group compute-device-key pumps --registration-id pump-7\n");
    auto id = std::make_shared<std::string>();
    auto registration_id = std::make_shared<std::string>();
    add_registration_id(verb, "ID", *id, "name of the group");
    add_registration_id(verb, "--registration-id,--rid", *registration_id, "the device")->type_name("ID");
    verb.callback(
        [&context, id, registration_id] { context.finish(compute_device_key(context, *id, *registration_id)); });
}

void add_list(CLI::App& parent, Context& context, const Noun& noun, const char* description, const char* examples) {
    auto& verb = add_service_verb(parent, context, "list", description, examples);
    auto listing = std::make_shared<Listing>();
    add_paging(verb, *listing);
    verb.callback([&context, &noun, listing] { context.finish(list(context, noun, *listing)); });
}

void add_delete(CLI::App& parent, Context& context, const Noun& noun, const char* description, const char* examples) {
    auto& verb = add_service_verb(parent, context, "delete", description, examples);
    auto id = std::make_shared<std::string>();
    auto etag = std::make_shared<std::string>();
    add_registration_id(verb, "ID", *id, noun.kind == EnrollmentKind::group ? "name of the group" : "registration id");
    add_etag(verb, *etag, "delete");
    verb.callback([&context, &noun, id, etag] { context.finish(remove(context, noun, *id, *etag)); });
}

}  // namespace

void add_enrollment_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "enrollment", "Individual enrollments: one device each, known by its certificate");
    add_create(noun, context, individual, "Let one device in: the one that holds this certificate's key",
               "  muster enrollment create dev-1 --certificate-path certs/iot-edge-device-identity-dev-1.cert.pem\n"
               "  muster enrollment create dev-1 --cp dev-1.pem --edge-enabled true --tags site=oslo --tags line=3\n"
               "  muster enrollment create dev-2 --attestation-type symmetricKey\n"
               "  muster enrollment create dev-3 --endorsement-key @ek.pub\n");
    add_show(noun, context, individual, "Show an enrollment, whether its device registered, and as what device",
             "  muster enrollment show dev-1\n"
             "  muster enrollment show dev-1 --output json\n");
    add_list(noun, context, individual, "List the individual enrollments",
             "  muster enrollment list\n"
             "  muster enrollment list --output json | jq -r '.[].registrationId'\n");
    add_update(noun, context, individual, "Change an enrollment; what is not named stays",
               "  muster enrollment update dev-1 --provisioning-status disabled\n"
               "  muster enrollment update dev-1 --secondary-certificate-path new.pem    # rolling the certificate\n");
    add_delete(noun, context, individual, "Delete an enrollment; the hub keeps its device until that is deleted too",
               "  muster enrollment delete dev-1\n");
}

void add_enrollment_group_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "enrollment-group", "Enrollment groups: all devices with certificates of one CA");
    add_create(
        noun, context, group, "Let in all devices whose certificate chains to this CA",
        "  muster enrollment-group create plant-3 --certificate-path certs/azure-iot-test-only.root.ca.cert.pem\n"
        "  muster enrollment-group create plant-3 --cp intermediate.pem --edge-enabled true --tags site=oslo\n");
    add_show(noun, context, group, "Show an enrollment group", "  muster enrollment-group show plant-3\n");
    add_list(noun, context, group, "List the enrollment groups", "  muster enrollment-group list\n");
    add_update(noun, context, group, "Change an enrollment group; what is not named stays",
               "  muster enrollment-group update plant-3 --provisioning-status disabled\n"
               "  muster enrollment-group update plant-3 --secondary-certificate-path next-intermediate.pem\n");
    add_delete(noun, context, group,
               "Delete an enrollment group. To keep its devices out, disable it instead: a group of a CA further up\n"
               "would let them in again",
               "  muster enrollment-group delete plant-3\n");
    add_compute_device_key(noun, context);
}

}  // namespace muster::cli
