// `muster cert server` and `muster cert verification`.
#include "muster/cert/run.h"
#include "muster/command.h"

namespace muster::cli::cert {
namespace {

constexpr int server_days = 365;
constexpr int verification_days = 30;

Result<> make_server(const MakeOptions& options, const std::string& host, const Io& io) {
    std::string name = host;
    if (name.starts_with("*.")) name.front() = '_';  // a star in a file name is a trap in every shell
    MUSTER_CHECK(check_file_name(name));
    Subject subject{server_prefix + name, options.common_name.empty() ? host : options.common_name, {}, {}};
    add_alternative_name(subject, host);
    for (const auto& san : options.alternative_names) add_alternative_name(subject, san);
    return run_make(options, pki::Profile::server, false, subject, io);
}

}  // namespace

void add_server_verb(CLI::App& noun, const Surroundings& around) {
    auto& verb = add_verb(noun, "server", "Make a TLS server's certificate for a host name or address",
                          "  muster cert server gateway.plant.example --san gateway --san 10.0.0.7\n");
    auto options = std::make_shared<MakeOptions>();
    auto host = std::make_shared<std::string>();
    verb.add_option("HOST", *host, "DNS name or IP address: its CN, and the first of its alternative names")
        ->required();
    add_make_options(verb, *options, server_days);
    add_common_name_option(verb, *options, "a CN other than HOST");
    add_alternative_names_option(verb, *options);
    add_authority_options(verb, *options, "intermediate");
    add_pfx_options(verb, *options);
    verb.callback([options, host, around] { around.finish(make_server(*options, *host, around.io)); });
}

void add_verification_verb(CLI::App& noun, const Surroundings& around) {
    auto& verb = add_verb(noun, "verification",
                          "Prove to a provisioning service that you hold a CA's key: a certificate for its code",
                          "  muster cert verification 106A5SD242AF512B3498BD6098C4941E66R34H268DDB3288\n"
                          "  muster cert verification CODE --ca intermediate --force\n");
    auto options = std::make_shared<MakeOptions>();
    auto code = std::make_shared<std::string>();
    verb.add_option("CODE", *code, "the verification code that the service gave; becomes the CN")->required();
    add_make_options(verb, *options, verification_days);
    add_authority_options(verb, *options, "root");
    verb.callback([options, code, around] {
        const Subject subject{verification_prefix, *code, {}, {}};
        around.finish(run_make(*options, pki::Profile::client, false, subject, around.io));
    });
}

}  // namespace muster::cli::cert
