// `muster registration test`: whether the service would let a device in, which enrollment decides and which check
// fails, without registering it.
#include "muster/registration_test.h"

#include "base/file.h"
#include "base/text.h"
#include "muster/certificate_files.h"
#include "muster/command.h"
#include "muster/endorsement_key.h"
#include "muster/symmetric_keys.h"
#include "wire/sas.h"

namespace muster::cli {
namespace {

constexpr auto token_life = std::chrono::minutes(5);

struct TestOptions {
    std::string certificate;
    std::vector<std::string> chain;
    std::string id;
    std::string key;
    std::string token;
    std::string endorsement_key;  // base64 or "@FILE"
};

Result<std::string> read_certificates(const TestOptions& options) {
    MUSTER_TRY(auto pem, read_certificates_as_pem(options.certificate));
    for (const auto& file : options.chain) {
        MUSTER_TRY(const auto more, read_certificates_as_pem(file));
        pem += more;
    }
    return pem;
}

// What the device would sign, signed here: its key stays on this machine.
Result<std::string> make_token(ServiceClient& client, const TestOptions& options, TimePoint now) {
    MUSTER_TRY(const auto status,
               client.call_object(
                   {.what = "learn the id scope of the service", .path = "/muster/status", .api_version = muster_api}));
    MUSTER_TRY(const auto text, read_key(options.key));
    const auto key = base64_decode(text.text());
    if (!key) return fail(Errc::invalid_argument, "the key is not base64");
    const Secret secret{Bytes(*key)};
    return wire::make_sas(fmt::format("{}/registrations/{}", string_or(status, "idScope"), options.id), secret.bytes(),
                          "registration", now + token_life);
}

Result<std::string> read_token(const std::string& argument) {
    if (!argument.starts_with('@')) return argument;
    MUSTER_TRY(const auto text, read_file(argument.substr(1)));
    return std::string(trim(text));
}

Result<json::object> test_body(ServiceClient& client, const TestOptions& options, TimePoint now) {
    json::object body;
    if (!options.id.empty()) body["registrationId"] = options.id;
    if (!options.certificate.empty()) {
        MUSTER_TRY(body["certificateChain"], read_certificates(options));
    } else if (!options.endorsement_key.empty()) {
        MUSTER_TRY(body["endorsementKey"], read_endorsement_key(options.endorsement_key));
    } else if (!options.key.empty()) {
        MUSTER_TRY(body["authorization"], make_token(client, options, now));
    } else {
        MUSTER_TRY(body["authorization"], read_token(options.token));
    }
    return body;
}

std::string enrollment_of(const json::object& result) {
    const auto id = text_at(result, "enrollment.id");
    if (id.empty()) return {};
    return text_at(result, "enrollment.kind") == "group" ? fmt::format("group '{}'", id)
                                                         : fmt::format("individual enrollment '{}'", id);
}

std::string verdict_of(const json::object& result) {
    const auto outcome = string_or(result, "outcome");
    if (outcome == "registered") return "would be let in";
    if (outcome == "disabled") return "would end as disabled: its enrollment is";
    return "would be refused";
}

void print_checks(const Context& context, const json::object& result) {
    const auto* checks = find_member(result, "checks");
    if (checks == nullptr || !checks->is_array()) return;
    context.io.out("\n");
    Table table({{"CHECK", ColumnKind::word}, {"OUTCOME", ColumnKind::word}, {"DETAIL"}}, std::nullopt, context.io.out);
    for (const auto& entry : checks->as_array()) {
        if (!entry.is_object()) continue;
        const auto& check = entry.as_object();
        auto detail = string_or(check, "detail");
        if (const auto hint = string_or(check, "hint"); !hint.empty()) detail += fmt::format(" ({})", hint);
        table.add({string_or(check, "check"), string_or(check, "outcome"), detail});
    }
    table.finish();
}

void print_result(const Context& context, const json::object& result) {
    FactSheet facts;
    facts.add("Registration id", string_or(result, "registrationId"));
    facts.add("Outcome", verdict_of(result));
    facts.add("Enrollment", enrollment_of(result));
    facts.add("Device id", string_or(result, "deviceId"));
    facts.add("IoT Edge", text_at(result, "iotEdge") == "true" ? "yes" : "");
    facts.add("Allocation", string_or(result, "allocationPolicy"));
    facts.add("Hubs", text_at(result, "iotHubs"));
    facts.add("Registered now", text_at(result, "registrationState.status"));
    facts.print(context.io);
    print_checks(context, result);
}

Result<> test(Context& context, const TestOptions& options) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto body, test_body(client, options, context.io.now));
    MUSTER_TRY(const auto result, client.call_object({.what = "test a registration",
                                                      .method = "POST",
                                                      .path = "/muster/registrations/test",
                                                      .api_version = muster_api,
                                                      .body = std::move(body)}));
    context.json() ? print_json(context, result) : print_result(context, result);
    if (string_or(result, "outcome") != "registered") context.exit_code = exit_failed;
    return {};
}

// Empty when the options name one credential, and the id where a key does not say it.
std::string fault_of(const TestOptions& options) {
    const int credentials =
        !options.certificate.empty() + !options.key.empty() + !options.token.empty() + !options.endorsement_key.empty();
    if (credentials != 1) return "give one of DEVICE-CERT, --key, --token and --endorsement-key";
    if (options.certificate.empty() && options.id.empty())
        return "--id is needed with --key, --token and --endorsement-key";
    if (options.certificate.empty() && !options.chain.empty()) return "--chain goes with DEVICE-CERT";
    return {};
}

}  // namespace

void add_registration_test_verb(CLI::App& noun, Context& context) {
    auto& verb = add_service_verb(
        noun, context, "test",
        "Whether a device would be let in, and if not, why: without registering it. Exit code 0 when it would",
        "  muster registration test certs/iot-edge-device-identity-press-1-full-chain.cert.pem\n"
        "  muster registration test dev-1.pem --chain intermediates.pem\n"
        "  muster registration test --id pump-1 --key @pump-1.key\n"
        "  muster registration test --id gauge-1 --endorsement-key @ek.pub\n");
    auto options = std::make_shared<TestOptions>();
    add_file(verb, "DEVICE-CERT", options->certificate, "the device's certificate, its intermediates behind it (PEM)");
    verb.add_option("--chain", options->chain, "its intermediates, where they are in other files")
        ->type_name("FILE...");
    verb.add_option("--id", options->id, "registration id; default: the certificate's common name")->type_name("ID");
    verb.add_option("--key", options->key, "@FILE with the device's symmetric key (base64); it is not sent")
        ->check(check_key_argument, "", "")
        ->type_name("@FILE");
    verb.add_option("--token", options->token, "a shared access signature that the device made, or @FILE")
        ->type_name("TOKEN");
    verb.add_option("--endorsement-key,--ek", options->endorsement_key,
                    "endorsement key of the device's TPM: base64, or @FILE as tpm2_readpublic -o writes it")
        ->type_name("KEY");
    verb.callback([&context, options] {
        const auto fault = fault_of(*options);
        if (!fault.empty()) wrong_usage(fault);
        context.finish(test(context, *options));
    });
}

}  // namespace muster::cli
