// `muster cert root`, `intermediate`, `edge-ca`: certificates that sign others.
#include "muster/cert/run.h"
#include "muster/command.h"

namespace muster::cli::cert {
namespace {

constexpr int root_days = 3650;
constexpr int intermediate_days = 1825;
constexpr int edge_ca_days = 365;

std::string or_default(const std::string& given, const std::string& otherwise) {
    return given.empty() ? otherwise : given;
}

void add_root(CLI::App& noun, const Surroundings& around) {
    auto& verb = add_verb(noun, "root", "Make the root CA: the one certificate that everything else hangs from",
                          "  muster cert root\n"
                          "  muster cert root --cn \"Plant 3 Root\" --key ec:p384 --days 7300\n");
    auto options = std::make_shared<MakeOptions>();
    add_make_options(verb, *options, root_days);
    add_common_name_option(verb, *options, "its name; default Azure_IoT_Hub_CA_Cert_Test_Only");
    add_path_length_option(verb, *options);
    verb.callback([options, around] {
        const Subject subject{root_prefix, or_default(options->common_name, root_common_name), {}, {}};
        around.finish(run_make(*options, pki::Profile::root_ca, true, subject, around.io));
    });
}

void add_intermediate(CLI::App& noun, const Surroundings& around) {
    auto& verb = add_verb(noun, "intermediate", "Make the intermediate CA, signed by the root; it signs the devices",
                          "  muster cert intermediate\n"
                          "  muster cert intermediate --cn \"Plant 3 Line 2\" --path-length 1\n");
    auto options = std::make_shared<MakeOptions>();
    add_make_options(verb, *options, intermediate_days);
    add_common_name_option(verb, *options, "its name; default Azure_IoT_Hub_Intermediate_Cert_Test_Only");
    add_authority_options(verb, *options, "root");
    add_path_length_option(verb, *options);
    verb.callback([options, around] {
        const Subject subject{intermediate_prefix, or_default(options->common_name, intermediate_common_name), {}, {}};
        around.finish(run_make(*options, pki::Profile::intermediate_ca, false, subject, around.io));
    });
}

void add_edge_ca(CLI::App& noun, const Surroundings& around) {
    auto& verb =
        add_verb(noun, "edge-ca", "Make the CA of an edge device, which signs for its modules and for devices below",
                 "  muster cert edge-ca gateway-1    # certs/iot-edge-device-ca-gateway-1-full-chain.cert.pem\n");
    auto options = std::make_shared<MakeOptions>();
    auto name = std::make_shared<std::string>();
    verb.add_option("NAME", *name, "the edge device; becomes a part of the file names")->required();
    add_make_options(verb, *options, edge_ca_days);
    add_common_name_option(verb, *options, "its name; default NAME.ca");
    add_authority_options(verb, *options, "intermediate");
    add_path_length_option(verb, *options);
    add_pfx_options(verb, *options);
    verb.callback([options, name, around] {
        const auto run = [&]() -> Result<> {
            MUSTER_CHECK(check_file_name(*name));
            const Subject subject{edge_ca_prefix + *name, or_default(options->common_name, *name + ".ca"), {}, {}};
            return run_make(*options, pki::Profile::intermediate_ca, false, subject, around.io);
        };
        around.finish(run());
    });
}

}  // namespace

void add_authority_verbs(CLI::App& noun, const Surroundings& around) {
    add_root(noun, around);
    add_intermediate(noun, around);
    add_edge_ca(noun, around);
}

}  // namespace muster::cli::cert
