// `muster trust`: the CA that whoever connects to the service must trust.
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

constexpr const char* how_to_install =
    "To trust it on Debian or Ubuntu (the name must end in .crt):\n"
    "  muster trust | sudo tee /usr/local/share/ca-certificates/muster.crt > /dev/null\n"
    "  sudo update-ca-certificates\n"
    "For Node.js besides: export NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/muster.crt\n"
    "For Python (requests, az): export REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt\n";

// Of the files that a first start makes, the access policies come last.
Result<std::string> local_ca_pem(const std::filesystem::path& data_dir) {
    auto pem = read_data_file(data_dir, server_ca_file);
    if (pem || pem.error().code() != Errc::not_found) return pem;
    std::error_code ignored;
    if (std::filesystem::exists(data_dir / "access-policies.json", ignored))
        return fail(Errc::not_found,
                    "this musterd was given its certificate (section [tls] of its configuration), so there is no CA of "
                    "its own: clients must trust the CA that issued that certificate");
    return pem;
}

// On the server the file itself: it needs no running service. From elsewhere what the service hands out.
Result<std::string> ca_pem(const Context& context) {
    const bool remote = !context.connection.connection_string.empty() ||
                        (context.connection.data_dir.empty() && context.io.environment("MUSTER_CONNECTION_STRING"));
    if (!remote) {
        return local_ca_pem(context.connection.data_dir.empty() ? default_data_dir : context.connection.data_dir);
    }
    MUSTER_TRY(auto client, context.connect());
    return client.text({.what = "fetch the service's CA", .path = "/muster/trust", .api_version = muster_api});
}

Result<> print(const Context& context) {
    MUSTER_TRY(auto pem, ca_pem(context));
    if (!pem.ends_with('\n')) pem += '\n';
    context.io.out(pem);
    context.io.err(how_to_install);
    return {};
}

}  // namespace

void add_trust_command(CLI::App& app, Context& context) {
    auto& verb = add_verb(app, "trust", "Print the CA that clients must trust, and how to install it",
                          "  muster trust > muster-ca.pem\n"
                          "  ssh server sudo muster trust | sudo tee /usr/local/share/ca-certificates/muster.crt\n");
    add_service_options(verb, context);
    verb.callback([&context] { context.finish(print(context)); });
}

}  // namespace muster::cli
