// `muster cert show`: what a certificate, a chain or a request says.
#include "base/file.h"
#include "base/text.h"
#include "muster/cert/certificate_view.h"
#include "muster/cert/options.h"
#include "muster/cert/verbs.h"
#include "muster/command.h"

namespace muster::cli::cert {
namespace {

struct ShowOptions {
    std::vector<std::string> files;
    bool json = false;
};

Result<pki::CertificateChain> read_certificates(const std::string& text) {
    if (text.find("-----BEGIN CERTIFICATE-----") != std::string::npos) return pki::parse_chain(text);
    MUSTER_TRY(auto certificate, pki::Certificate::from_any(text));
    return pki::CertificateChain{std::move(certificate)};
}

template <class Item>
void show(const Item& item, const ShowOptions& options, const Io& io, JsonArrayPrinter& array, bool& first) {
    if (options.json) {
        array.add(to_json(item));
        return;
    }
    if (!first) io.out("\n");
    first = false;
    print(item, io);
}

Result<> show_file(const std::string& path, const ShowOptions& options, const Io& io, JsonArrayPrinter& array,
                   bool& first) {
    MUSTER_TRY(const auto text, read_file(path));
    if (text.find("CERTIFICATE REQUEST-----") != std::string::npos) {
        const auto request = pki::Csr::from_pem(text);
        if (!request) return fail(request.error().wrap(fmt::format("cannot show {}", path)));
        show(*request, options, io, array, first);
        return {};
    }
    if (text.find("PRIVATE KEY-----") != std::string::npos &&
        text.find("-----BEGIN CERTIFICATE") == std::string::npos) {
        return fail(Errc::unsupported, "{} holds a private key, which is not shown", path);
    }
    const auto chain = read_certificates(text);
    if (!chain) return fail(chain.error().wrap(fmt::format("cannot show {}", path)));
    for (const auto& certificate : *chain) show(certificate, options, io, array, first);
    return {};
}

Result<> run(const ShowOptions& options, const Io& io) {
    JsonArrayPrinter array(io);
    bool first = true;
    for (const auto& path : options.files) MUSTER_CHECK(show_file(path, options, io, array, first));
    if (options.json) array.finish();
    return {};
}

}  // namespace

void add_show_verb(CLI::App& noun, const Surroundings& around) {
    auto& verb = add_verb(noun, "show", "Show what certificates, chains and requests say",
                          "  muster cert show certs/iot-edge-device-identity-dev-1-full-chain.cert.pem\n");
    auto options = std::make_shared<ShowOptions>();
    verb.add_option("FILE", options->files, "PEM, DER or base64 of it")->required();
    add_json_option(verb, options->json);
    verb.callback([options, around] { around.finish(run(*options, around.io)); });
}

}  // namespace muster::cli::cert
