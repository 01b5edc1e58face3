// `muster ca-certificate`: CA certificates kept at the service by name, for enrollment groups that refer to them.
#include "base/bytes.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/enrollment_options.h"

namespace muster::cli {
namespace {

constexpr std::size_t longest_name = 256;

Call call_of(const char* verb, const char* method, const std::string& name) {
    return {.what = fmt::format("{} CA certificate '{}'", verb, name),
            .method = method,
            .path = fmt::format("/certificates/{}", percent_encode(name)),
            .not_found_hint = "`muster ca-certificate list` shows those there are."};
}

std::string verified_text(const json::object& certificate) {
    return text_at(certificate, "properties.isVerified") == "true" ? "yes" : "no: groups do not let anyone in by it";
}

std::string expiry_text(const json::object& certificate, TimePoint now) {
    const auto text = text_at(certificate, "properties.expiry");
    const auto end = parse_utc(text);
    return (end && *end < now ? "EXPIRED " : "") + text.substr(0, 10);
}

void print_certificate(const Context& context, const json::object& certificate) {
    const auto* properties = object_at(certificate, "properties");
    if (properties == nullptr) return;
    FactSheet facts;
    facts.add("Name", string_or(certificate, "name"));
    facts.add("Subject", string_or(*properties, "subject"));
    facts.add("Expires", long_time(*properties, "expiry", context.io.now));
    facts.add("SHA-1", string_or(*properties, "thumbprint"));
    facts.add("Verified", verified_text(certificate));
    if (const auto code = string_or(*properties, "verificationCode"); !code.empty()) facts.add("Code", code);
    facts.add("Updated", long_time(*properties, "updated", context.io.now));
    facts.add("ETag", string_or(certificate, "etag"));
    facts.print(context.io);
}

Result<> print_answer(Context& context, const Call& call) {
    return show_answer(context, call, print_certificate);
}

// The API's PUT would replace an existing one; a command called "create" must not.
Result<> create(Context& context, const std::string& name, const std::string& path, bool verified) {
    MUSTER_TRY(const auto pem, read_certificate(path, EnrollmentKind::group));
    MUSTER_TRY(auto client, context.connect());
    const auto existing = client.call(call_of("create", "GET", name));
    if (existing) {
        return fail(Error(Errc::already_exists, fmt::format("CA certificate '{}' exists already", name))
                        .with_hint(fmt::format("Look at it: muster ca-certificate show {}", name)));
    }
    if (existing.error().code() != Errc::not_found) return fail(existing.error());
    auto call = call_of("create", "PUT", name);
    call.body = json::object{{"properties", {{"certificate", pem}, {"isVerified", verified}}}};
    return print_answer(context, call);
}

Result<> list(Context& context) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto answer, client.call_object({.what = "list CA certificates", .path = "/certificates"}));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    Table table({{"NAME", ColumnKind::id}, {"VERIFIED", ColumnKind::word}, {"SUBJECT"}, {"EXPIRES", ColumnKind::word}},
                context.io.columns, context.io.out);
    const auto* certificates = find_member(answer, "value");
    if (certificates == nullptr || !certificates->is_array() || certificates->as_array().empty()) {
        context.io.err("There are no CA certificates.\n");
        return {};
    }
    for (const auto& entry : certificates->as_array()) {
        if (!entry.is_object()) continue;
        const auto& certificate = entry.as_object();
        table.add({string_or(certificate, "name"),
                   text_at(certificate, "properties.isVerified") == "true" ? "yes" : "no",
                   text_at(certificate, "properties.subject"), expiry_text(certificate, context.io.now)});
    }
    table.finish();
    return {};
}

Result<> remove(Context& context, const std::string& name, const std::string& etag) {
    auto call = call_of("delete", "DELETE", name);
    call.if_match = etag;
    return send_deletion(context, call, fmt::format("Deleted CA certificate '{}'.", name));
}

Call proof_call(const char* verb, const char* action, const std::string& name) {
    auto call = call_of(verb, "POST", name);
    call.path += action;
    call.if_match = "*";
    return call;
}

Result<> verify(Context& context, const std::string& name, const std::string& path) {
    MUSTER_TRY(const auto pem, read_certificate(path, EnrollmentKind::individual));
    auto call = proof_call("verify", "/verify", name);
    call.body = json::object{{"certificate", pem}};
    return print_answer(context, call);
}

std::string check_name(const std::string& name) {
    const bool right = !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_';
    });
    return right ? std::string() : fmt::format("a name has 1 to {} letters, digits or -._", longest_name);
}

void add_name(CLI::App& verb, std::string& name) {
    verb.add_option("NAME", name, "name of the CA certificate")->required()->check(check_name, "", "")->type_name("");
}

void add_create(CLI::App& noun, Context& context) {
    auto& verb = add_service_verb(noun, context, "create", "Keep a CA certificate under a name",
                                  "  muster ca-certificate create root-2026 --path root.pem --verified\n"
                                  "  muster enrollment-group create plant-3 --ca-name root-2026\n");
    auto name = std::make_shared<std::string>();
    auto path = std::make_shared<std::string>();
    auto verified = std::make_shared<bool>(false);
    add_name(verb, *name);
    add_file(verb, "-p,--path", *path, "the certificate (PEM or DER)")->required();
    verb.add_flag("-v,--verified", *verified,
                  "you vouch that this CA is yours; without it no device is let in by its certificates");
    verb.callback([&context, name, path, verified] { context.finish(create(context, *name, *path, *verified)); });
}

void add_proof(CLI::App& noun, Context& context) {
    auto& code_verb = add_service_verb(
        noun, context, "verification-code", "Make a code that proves possession of a CA's key",
        "  muster ca-certificate verification-code root-2026\n"
        "  muster cert verification CODE\n"
        "  muster ca-certificate verify root-2026 --path certs/iot-device-verification-code.cert.pem\n");
    auto coded = std::make_shared<std::string>();
    add_name(code_verb, *coded);
    code_verb.callback([&context, coded] {
        context.finish(
            print_answer(context, proof_call("make a verification code for", "/generateVerificationCode", *coded)));
    });

    auto& verify_verb = add_service_verb(
        noun, context, "verify", "Verify a CA certificate by one that its key signed over the code",
        "  muster ca-certificate verify root-2026 --path certs/iot-device-verification-code.cert.pem\n");
    auto verified = std::make_shared<std::string>();
    auto path = std::make_shared<std::string>();
    add_name(verify_verb, *verified);
    add_file(verify_verb, "-p,--path", *path, "the certificate whose common name is the code (PEM or DER)")->required();
    verify_verb.callback([&context, verified, path] { context.finish(verify(context, *verified, *path)); });
}

}  // namespace

void add_ca_certificate_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "ca-certificate", "CA certificates by name, which enrollment groups can refer to");
    add_create(noun, context);
    add_proof(noun, context);

    auto& show_verb =
        add_service_verb(noun, context, "show", "Show a CA certificate", "  muster ca-certificate show root-2026\n");
    auto shown = std::make_shared<std::string>();
    add_name(show_verb, *shown);
    show_verb.callback([&context, shown] { context.finish(print_answer(context, call_of("show", "GET", *shown))); });

    auto& list_verb =
        add_service_verb(noun, context, "list", "List the CA certificates", "  muster ca-certificate list\n");
    list_verb.callback([&context] { context.finish(list(context)); });

    auto& delete_verb = add_service_verb(noun, context, "delete", "Delete a CA certificate that no group refers to",
                                         "  muster ca-certificate delete root-2026\n");
    auto deleted = std::make_shared<std::string>();
    auto etag = std::make_shared<std::string>();
    add_name(delete_verb, *deleted);
    add_etag(delete_verb, *etag, "delete");
    delete_verb.callback([&context, deleted, etag] { context.finish(remove(context, *deleted, *etag)); });
}

}  // namespace muster::cli
