// `muster device`: the identities at the hub.
#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "pki/certificate.h"

namespace muster::cli {
namespace {

struct DeviceOptions {
    std::string id;
    std::string edge_enabled;
    std::string auth_method;
    std::string certificate_path;
    std::string secondary_certificate_path;
    std::string primary_thumbprint;
    std::string secondary_thumbprint;
    std::string status;
    std::string status_reason;
};

Call call_of(const char* verb, const char* method, const std::string& id) {
    return {.what = fmt::format("{} device '{}'", verb, id),
            .method = method,
            .path = fmt::format("/devices/{}", percent_encode(id)),
            .api_version = hub_api,
            .not_found_hint = "`muster device list` shows those there are; a device that registers appears by itself."};
}

std::string authentication_text(const json::object& device) {
    auto type = text_at(device, "authentication.type");
    if (type == "selfSigned") return "X.509 thumbprint";
    if (type == "certificateAuthority") return "X.509 CA";
    if (type == "sas") return "symmetric key";
    return type;
}

void print_device(const Context& context, const json::object& device) {
    const auto now = context.io.now;
    FactSheet facts;
    facts.add("Device id", string_or(device, "deviceId"));
    facts.add("Status", string_or(device, "status"));
    facts.add("Reason", string_or(device, "statusReason"));
    facts.add("IoT Edge", text_at(device, "capabilities.iotEdge") == "true" ? "yes" : "no");
    facts.add("Authentication", authentication_text(device));
    facts.add("Thumbprint", text_at(device, "authentication.x509Thumbprint.primaryThumbprint"));
    facts.add("Second thumbprint", text_at(device, "authentication.x509Thumbprint.secondaryThumbprint"));
    if (!text_at(device, "authentication.symmetricKey.primaryKey").empty()) facts.add("Keys", "in --output json");
    facts.add("Connection", string_or(device, "connectionState"));
    facts.add("Last activity", long_time(device, "lastActivityTime", now));
    facts.add("Scope", string_or(device, "deviceScope"));
    facts.add("Generation", string_or(device, "generationId"));
    facts.add("ETag", string_or(device, "etag"));
    facts.print(context.io);
}

ListView list_view(const Context& context) {
    const auto now = context.io.now;
    return {{{"DEVICE ID", ColumnKind::id},
             {"STATUS", ColumnKind::word},
             {"EDGE", ColumnKind::word},
             {"AUTHENTICATION"},
             {"CONNECTION", ColumnKind::word},
             {"LAST ACTIVITY", ColumnKind::word}},
            [now](const json::object& device) -> std::vector<std::string> {
                return {string_or(device, "deviceId"),
                        string_or(device, "status"),
                        text_at(device, "capabilities.iotEdge") == "true" ? "yes" : "no",
                        authentication_text(device),
                        string_or(device, "connectionState"),
                        short_time(device, "lastActivityTime", now)};
            },
            "There are no devices."};
}

Result<> list(Context& context, Listing listing) {
    listing.call = {.what = "list devices", .path = "/devices", .api_version = hub_api};
    listing.page_as_top = true;
    MUSTER_TRY(auto client, context.connect());
    return print_listing(context, client, listing, list_view(context));
}

Result<> show(Context& context, const std::string& id) {
    return show_answer(context, call_of("show", "GET", id), print_device);
}

Result<std::string> thumbprint(const std::string& given, const std::string& certificate_path) {
    if (certificate_path.empty()) return given;
    MUSTER_TRY(const auto text, read_file(certificate_path));
    auto certificate = pki::Certificate::from_any(text);
    if (!certificate) return fail(certificate.error().wrap(fmt::format("{} is not a certificate", certificate_path)));
    return certificate->sha256_thumbprint();
}

Result<json::object> authentication(const DeviceOptions& options) {
    MUSTER_TRY(const auto primary, thumbprint(options.primary_thumbprint, options.certificate_path));
    MUSTER_TRY(const auto secondary, thumbprint(options.secondary_thumbprint, options.secondary_certificate_path));
    if (options.auth_method == "x509_ca") return json::object{{"type", "certificateAuthority"}};
    if (primary.empty() && secondary.empty()) return json::object{{"type", "sas"}};  // the service makes the keys
    json::object thumbprints;
    if (!primary.empty()) thumbprints["primaryThumbprint"] = primary;
    if (!secondary.empty()) thumbprints["secondaryThumbprint"] = secondary;
    return json::object{{"type", "selfSigned"}, {"x509Thumbprint", std::move(thumbprints)}};
}

Result<> create(Context& context, const DeviceOptions& options) {
    json::object body{{"deviceId", options.id}};
    MUSTER_TRY(body["authentication"], authentication(options));
    body["capabilities"] = json::object{{"iotEdge", options.edge_enabled == "true"}};
    body["status"] = options.status.empty() ? "enabled" : options.status;
    if (!options.status_reason.empty()) body["statusReason"] = options.status_reason;
    auto call = call_of("create", "PUT", options.id);
    call.body = std::move(body);
    return show_answer(context, call, print_device);
}

Result<> remove(Context& context, const std::string& id, const std::string& etag) {
    auto call = call_of("delete", "DELETE", id);
    call.quoted_if_match = etag.empty() ? "*" : etag;
    return send_deletion(context, call, fmt::format("Deleted device '{}' with its modules and twin.", id));
}

std::string check_thumbprint(const std::string& text) {
    const auto bytes = hex_decode(text);
    if (bytes && (bytes->size() == 20 || bytes->size() == 32)) return {};
    return "a thumbprint is the SHA-256 (64 hexadecimal digits) or SHA-1 (40) of the certificate";
}

// Which way of authentication the options together mean, or why they mean none.
void check_authentication(const DeviceOptions& options) {
    const bool x509 = !options.certificate_path.empty() || !options.primary_thumbprint.empty() ||
                      !options.secondary_certificate_path.empty() || !options.secondary_thumbprint.empty();
    if (options.auth_method == "x509_thumbprint" && !x509) {
        wrong_usage("--auth-method x509_thumbprint needs --certificate-path or --primary-thumbprint");
    }
    if (x509 && !options.auth_method.empty() && options.auth_method != "x509_thumbprint") {
        wrong_usage(fmt::format("--auth-method {} has no use for a certificate or thumbprint", options.auth_method));
    }
}

void add_create(CLI::App& noun, Context& context) {
    auto& verb = add_service_verb(
        noun, context, "create", "Create a device by hand, without a registration",
        "  muster device create dev-9 --certificate-path certs/iot-edge-device-identity-dev-9.cert.pem\n"
        "  muster device create dev-9 --edge-enabled true      # with a symmetric key made by the service\n");
    auto options = std::make_shared<DeviceOptions>();
    add_device_id(verb, "ID", options->id, "device id");
    add_choice(verb, "--edge-enabled,--ee", options->edge_enabled, {"true", "false"},
               "whether it is an IoT Edge device");
    add_choice(verb, "--auth-method,--am", options->auth_method, {"shared_private_key", "x509_thumbprint", "x509_ca"},
               "how it proves who it is; default: by what else is given");
    auto* certificate = add_file(verb, "--certificate-path,--cp", options->certificate_path,
                                 "certificate whose thumbprint is taken (PEM or DER)");
    auto* secondary = add_file(verb, "--secondary-certificate-path,--scp", options->secondary_certificate_path,
                               "a second one, accepted as well");
    verb.add_option("--primary-thumbprint,--ptp", options->primary_thumbprint, "the thumbprint itself")
        ->check(check_thumbprint, "", "")
        ->excludes(certificate)
        ->type_name("HEX");
    verb.add_option("--secondary-thumbprint,--stp", options->secondary_thumbprint, "a second one")
        ->check(check_thumbprint, "", "")
        ->excludes(secondary)
        ->type_name("HEX");
    add_choice(verb, "--status", options->status, {"enabled", "disabled"}, "disabled: it cannot connect");
    verb.add_option("--status-reason", options->status_reason, "why; at most 128 characters")->type_name("TEXT");
    verb.callback([&context, options] {
        check_authentication(*options);
        context.finish(create(context, *options));
    });
}

}  // namespace

void add_device_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "device", "Devices: the identities at the hub");

    auto& list_verb = add_service_verb(noun, context, "list", "List the devices", "  muster device list --top 20\n");
    auto listing = std::make_shared<Listing>();
    add_paging(list_verb, *listing);
    list_verb.callback([&context, listing] { context.finish(list(context, *listing)); });

    auto& show_verb = add_service_verb(noun, context, "show", "Show a device", "  muster device show dev-1\n");
    auto id = std::make_shared<std::string>();
    add_device_id(show_verb, "ID", *id, "device id");
    show_verb.callback([&context, id] { context.finish(show(context, *id)); });

    add_create(noun, context);

    auto& delete_verb = add_service_verb(noun, context, "delete",
                                         "Delete a device with its modules and twin. It can register again while its\n"
                                         "enrollment lets it",
                                         "  muster device delete dev-1\n");
    auto deleted = std::make_shared<std::string>();
    auto etag = std::make_shared<std::string>();
    add_device_id(delete_verb, "ID", *deleted, "device id");
    add_etag(delete_verb, *etag, "delete");
    delete_verb.callback([&context, deleted, etag] { context.finish(remove(context, *deleted, *etag)); });
}

}  // namespace muster::cli
