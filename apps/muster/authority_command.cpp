// `muster authority`: the service's own certificate authority: switched on, looked at, and what it issued taken back.
#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "muster/certificate_files.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/duration.h"

namespace muster::cli {
namespace {

constexpr const char* root_path = "/muster/authority";

Call call_of(std::string what, const char* method, std::string path) {
    return {.what = std::move(what),
            .method = method,
            .path = root_path + std::move(path),
            .api_version = muster_api,
            .not_found_hint = "`muster authority list` shows what was issued."};
}

void add_certificate(FactSheet& facts, const char* label, const Context& context, const json::object& status,
                     const char* member) {
    const auto* certificate = object_at(status, member);
    if (certificate == nullptr) return;
    facts.add(label, fmt::format("{}, until {}", string_or(*certificate, "subject"),
                                 long_time(*certificate, "notAfterUtc", context.io.now)));
    facts.add("SHA-256", string_or(*certificate, "sha256Thumbprint"));
}

void print_status(const Context& context, const json::object& status) {
    if (text_at(status, "enabled") != "true") {
        context.io.out("The certificate authority is off. Switch it on: muster authority create\n");
        return;
    }
    FactSheet facts;
    add_certificate(facts, "Issuing CA", context, status, "issuing");
    add_certificate(facts, "Root CA", context, status, "root");
    facts.add("Root's key",
              text_at(status, "rootKeyIsHere") == "true" ? "in the service's data directory" : "not here");
    facts.add("Issues for", text_at(status, "certificateDays") + " days");
    if (const auto open = text_at(status, "openRequests"); !open.empty() && open != "0")
        facts.add("Open requests", open + ": they wait for their certificates");
    facts.add("Revocations", string_or(status, "crlPath"));
    facts.add("Named as", string_or(status, "crlUrl"));
    facts.print(context.io);
}

Result<> print_answer(Context& context, const Call& call) {
    return show_answer(context, call, print_status);
}

Result<> show(Context& context, bool chain) {
    if (!chain) return print_answer(context, call_of("show the certificate authority", "GET", ""));
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto status, client.call_object(call_of("show the certificate authority", "GET", "")));
    const auto pem = string_or(status, "chain");
    if (pem.empty())
        return fail(Error(Errc::not_found, "the certificate authority is off")
                        .with_hint("Switch it on: muster authority create"));
    context.io.out(pem);
    return {};
}

Result<> request(Context& context, const std::string& name, const std::string& key) {
    MUSTER_TRY(auto client, context.connect());
    auto call = call_of("request a certificate for the authority", "POST", "/request");
    call.body = json::object{{"commonName", name}, {"keySpec", key}};
    MUSTER_TRY(const auto answer, client.call_object(call));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    context.io.out(string_or(answer, "csr"));
    context.io.err(
        "Sign it as an intermediate CA (CA:TRUE, keyCertSign, cRLSign) with the root, then:\n"
        "  muster authority install --certificate-path chain.pem   # issuing CA first, root last\n");
    return {};
}

Result<> install(Context& context, const std::string& chain_path, const std::string& key_path) {
    MUSTER_TRY(const auto chain, read_certificates_as_pem(chain_path));
    json::object body{{"chain", chain}};
    if (!key_path.empty()) {
        MUSTER_TRY(auto key, read_file(key_path));
        body["key"] = key;
        wipe(key.data(), key.size());
    }
    auto call = call_of("install the certificate authority", "POST", "/install");
    call.body = std::move(body);
    return print_answer(context, call);
}

std::string detail_of(const json::object& certificate) {
    auto reason = string_or(certificate, "reason");
    if (string_or(certificate, "origin") != "edge-ca") return reason;
    return reason.empty() ? "edge CA" : "edge CA, " + reason;
}

const ListView& list_view(const Context& context) {
    static ListView view;
    view = {{{"SERIAL", ColumnKind::id},
             {"DEVICE", ColumnKind::id},
             {"GROUP", ColumnKind::id},
             {"STATUS", ColumnKind::word},
             {"ENDS", ColumnKind::word},
             {"ISSUED", ColumnKind::word},
             {"DETAIL"}},
            [now = context.io.now](const json::object& item) {
                return std::vector<std::string>{string_or(item, "serialNumber"),
                                                string_or(item, "registrationId"),
                                                string_or(item, "enrollmentGroupId", "-"),
                                                string_or(item, "status"),
                                                string_or(item, "notAfterUtc").substr(0, 10),
                                                short_time(item, "issuedUtc", now),
                                                detail_of(item)};
            },
            "The authority has issued nothing of that kind."};
    return view;
}

struct Chosen {
    std::string group;
    std::string device;
    bool revoked = false;
    Listing listing;
};

Result<> list(Context& context, Chosen& chosen) {
    MUSTER_TRY(auto client, context.connect());
    auto path = fmt::format("/certificates?revoked={}", chosen.revoked);
    if (!chosen.group.empty()) path += "&enrollmentGroupId=" + percent_encode(chosen.group);
    if (!chosen.device.empty()) path += "&registrationId=" + percent_encode(chosen.device);
    chosen.listing.call = call_of("list issued certificates", "GET", std::move(path));
    return print_listing(context, client, chosen.listing, list_view(context));
}

Result<> print_certificate(Context& context, const Call& call) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto certificate, client.call_object(call));
    if (context.json()) {
        print_json(context, certificate);
        return {};
    }
    FactSheet facts;
    facts.add("Serial", string_or(certificate, "serialNumber"));
    facts.add("Subject", string_or(certificate, "subject"));
    facts.add("Device", string_or(certificate, "registrationId"));
    facts.add("Group", string_or(certificate, "enrollmentGroupId"));
    facts.add("Status", string_or(certificate, "status"));
    facts.add("Issued", long_time(certificate, "issuedUtc", context.io.now));
    facts.add("Ends", long_time(certificate, "notAfterUtc", context.io.now));
    if (const auto reason = string_or(certificate, "reason"); !reason.empty())
        facts.add("Revoked", fmt::format("{} ({})", long_time(certificate, "revokedUtc", context.io.now), reason));
    facts.add("SHA-256", string_or(certificate, "sha256Thumbprint"));
    if (const auto* edge_cas = find_member(certificate, "edgeCas"); edge_cas != nullptr && edge_cas->is_array())
        for (const auto& edge_ca : edge_cas->as_array())
            facts.add("Revoked with it", fmt::format("the edge CA {}", string_or(edge_ca.as_object(), "serialNumber")));
    facts.print(context.io);
    context.io.out(string_or(certificate, "certificate"));
    return {};
}

Call certificate_call(const char* verb, const char* method, const std::string& serial, const char* action = "") {
    return call_of(fmt::format("{} the certificate {}", verb, serial), method,
                   fmt::format("/certificates/{}{}", percent_encode(serial), action));
}

Result<> make_password(Context& context, const std::string& device, const std::string& group, const std::string& life) {
    const auto seconds = seconds_of(life);
    if (!seconds) wrong_usage(fmt::format("--valid: '{}' is not a time like 30min, 12h or 7d", printable(life)));
    MUSTER_TRY(auto client, context.connect());
    auto call = call_of(fmt::format("make a one-time password for '{}'", device), "PUT",
                        "/oneTimePasswords/" + percent_encode(device));
    call.not_found_hint = "`muster enrollment-group list` shows the groups there are.";
    call.body = json::object{{"enrollmentGroupId", group}, {"lifeSeconds", *seconds}};
    MUSTER_TRY(const auto answer, client.call_object(call));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    context.io.out(string_or(answer, "password") + "\n");
    context.io.err(fmt::format(
        "For {} under {}, once, until {}. It is not shown again.\n"
        "URL for the device: https://{}/.well-known/est/{}\n",
        string_or(answer, "registrationId"), string_or(answer, "enrollmentGroupId"),
        string_or(answer, "expiresUtc").substr(0, 19), client.target().host, string_or(answer, "enrollmentGroupId")));
    return {};
}

Result<> withdraw(Context& context, const std::string& device) {
    MUSTER_TRY(auto client, context.connect());
    auto call = call_of(fmt::format("withdraw the one-time password of '{}'", device), "DELETE",
                        "/oneTimePasswords/" + percent_encode(device));
    call.not_found_hint = {};
    MUSTER_CHECK(client.call(call));
    if (!context.json()) context.io.out(fmt::format("Withdrew the one-time password of '{}'.\n", device));
    return {};
}

const std::vector<std::string>& key_specs() {
    static const std::vector<std::string> all{"ec:p256", "ec:p384", "rsa:2048", "rsa:3072", "rsa:4096"};
    return all;
}

const std::vector<std::string>& reasons() {
    static const std::vector<std::string> all{"unspecified", "keyCompromise",        "affiliationChanged",
                                              "superseded",  "cessationOfOperation", "privilegeWithdrawn"};
    return all;
}

void add_create(CLI::App& noun, Context& context) {
    auto& verb = add_service_verb(noun, context, "create", "Make a root and an issuing CA, and switch the authority on",
                                  "  muster authority create\n"
                                  "  muster authority create --name \"Plant 3\" --key-type rsa:3072\n"
                                  "  muster authority create --replace      # a new issuing CA, under the same root\n");
    struct Options {
        std::string name;
        std::string key = "ec:p256";
        std::int64_t root_days = 7300;
        std::int64_t issuing_days = 1825;
        bool replace = false;
        bool new_root = false;
    };
    auto options = std::make_shared<Options>();
    verb.add_option("--name", options->name, "begins the names of both; default: Muster and the id scope")
        ->type_name("TEXT");
    add_choice(verb, "--key-type", options->key, key_specs(), "kind of both keys");
    verb.add_option("--root-days", options->root_days, "how long the root lasts")
        ->type_name("N")
        ->capture_default_str();
    verb.add_option("--days", options->issuing_days, "how long the issuing CA lasts")
        ->type_name("N")
        ->capture_default_str();
    verb.add_flag("--replace", options->replace, "let it take the place of the CA that issues now");
    verb.add_flag("--new-root", options->new_root,
                  "with --replace: begin with a new root, which groups and devices have yet to be told to trust");
    verb.callback([&context, options] {
        if (options->new_root && !options->replace) wrong_usage("--new-root goes with --replace");
        auto call = call_of("make the certificate authority", "POST", "/create");
        json::object body{{"keySpec", options->key},
                          {"rootDays", options->root_days},
                          {"issuingDays", options->issuing_days},
                          {"replace", options->replace},
                          {"newRoot", options->new_root}};
        if (!options->name.empty()) body["name"] = options->name;
        call.body = std::move(body);
        context.finish(print_answer(context, call));
    });
}

void add_installing(CLI::App& noun, Context& context) {
    auto& request_verb = add_service_verb(
        noun, context, "request", "Make a key for an issuing CA, and the request that a root elsewhere signs",
        "  muster authority request --common-name \"Plant 3 issuing\" > issuing.csr\n");
    auto name = std::make_shared<std::string>();
    auto key = std::make_shared<std::string>("ec:p256");
    request_verb.add_option("--common-name", *name, "common name of the issuing CA")->required()->type_name("TEXT");
    add_choice(request_verb, "--key-type", *key, key_specs(), "kind of the key");
    request_verb.callback([&context, name, key] { context.finish(request(context, *name, *key)); });

    auto& install_verb = add_service_verb(
        noun, context, "install", "Let a CA of your own issue, and switch the authority on",
        "  muster authority install --certificate-path chain.pem                        # for a request made here\n"
        "  muster authority install --certificate-path chain.pem --key-path issuing.key.pem\n");
    auto chain = std::make_shared<std::string>();
    auto key_path = std::make_shared<std::string>();
    add_file(install_verb, "--certificate-path", *chain, "its chain (PEM): issuing CA first, root last")->required();
    add_file(install_verb, "--key-path", *key_path,
             "its key (PEM, not encrypted); without it, that of the request that it answers");
    install_verb.callback([&context, chain, key_path] { context.finish(install(context, *chain, *key_path)); });
}

void add_looking(CLI::App& noun, Context& context) {
    auto& show_verb = add_service_verb(noun, context, "show", "Show which CA issues",
                                       "  muster authority show\n"
                                       "  muster authority show --chain > authority.pem\n");
    auto chain = std::make_shared<bool>(false);
    show_verb.add_flag("--chain", *chain, "print its certificates alone (PEM), issuing CA first");
    show_verb.callback([&context, chain] { context.finish(show(context, *chain)); });

    auto& list_verb = add_service_verb(noun, context, "list", "List what was issued",
                                       "  muster authority list --group plant-3\n"
                                       "  muster authority list --revoked\n");
    auto chosen = std::make_shared<Chosen>();
    list_verb.add_option("--group", chosen->group, "under this enrollment group alone")->type_name("ID");
    list_verb.add_option("--registration-id", chosen->device, "for this device alone")->type_name("ID");
    list_verb.add_flag("--revoked", chosen->revoked, "only what is revoked");
    add_paging(list_verb, chosen->listing);
    list_verb.callback([&context, chosen] { context.finish(list(context, *chosen)); });

    auto& certificate_verb = add_service_verb(noun, context, "certificate", "Show an issued certificate",
                                              "  muster authority certificate 65BC4352764B7D63\n");
    auto serial = std::make_shared<std::string>();
    certificate_verb.add_option("SERIAL", *serial, "serial number, hexadecimal")->required()->type_name("");
    certificate_verb.callback(
        [&context, serial] { context.finish(print_certificate(context, certificate_call("show", "GET", *serial))); });
}

void add_revoke(CLI::App& noun, Context& context) {
    auto& verb = add_service_verb(noun, context, "revoke", "Revoke an issued certificate",
                                  "  muster authority revoke 65BC4352764B7D63 --reason keyCompromise\n");
    auto serial = std::make_shared<std::string>();
    auto reason = std::make_shared<std::string>("unspecified");
    verb.add_option("SERIAL", *serial, "serial number, hexadecimal")->required()->type_name("");
    add_choice(verb, "--reason", *reason, reasons(), "stands in the revocation list");
    verb.callback([&context, serial, reason] {
        auto call = certificate_call("revoke", "POST", *serial, "/revoke");
        call.body = json::object{{"reason", *reason}};
        context.finish(print_certificate(context, call));
    });
}

void add_passwords(CLI::App& noun, Context& context) {
    auto& verb = add_service_verb(noun, context, "one-time-password",
                                  "Make the password that a device enrols with the first time",
                                  "  muster authority one-time-password press-1 --group plant-3\n"
                                  "  muster authority one-time-password press-1 --group plant-3 --valid 7d\n"
                                  "  muster authority one-time-password press-1 --withdraw\n");
    struct Options {
        std::string device;
        std::string group;
        std::string life = "24h";
        bool withdraw = false;
    };
    auto options = std::make_shared<Options>();
    add_registration_id(verb, "DEVICE", options->device, "registration id: the common name of its certificate");
    verb.add_option("--group", options->group, "enrollment group that it enrols under")->type_name("ID");
    verb.add_option("--valid", options->life, "for how long: 30min, 12h, 7d; 90d at most")
        ->type_name("TIME")
        ->capture_default_str();
    verb.add_flag("--withdraw", options->withdraw, "take the device's password back");
    verb.callback([&context, options] {
        if (options->withdraw) return context.finish(withdraw(context, options->device));
        if (options->group.empty()) wrong_usage("--group is required");
        context.finish(make_password(context, options->device, options->group, options->life));
    });
}

}  // namespace

void add_authority_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "authority", "The service's own certificate authority: EST, what it issued, revocation");
    add_create(noun, context);
    add_installing(noun, context);
    add_looking(noun, context);
    add_revoke(noun, context);
    add_passwords(noun, context);
}

}  // namespace muster::cli
