#include "muster/cert/authority.h"

#include "base/file.h"
#include "base/text.h"

namespace muster::cli::cert {
namespace {

struct Named {
    std::string prefix;
    std::string command;  // that makes it
};

Result<Named> resolve(const std::string& name) {
    if (name == "root") return Named{root_prefix, "muster cert root"};
    if (name == "intermediate") return Named{intermediate_prefix, "muster cert intermediate"};
    MUSTER_CHECK(check_file_name(name));
    return Named{name, "muster cert root, muster cert intermediate or muster cert edge-ca NAME"};
}

Error with_hint(Error error, const Layout& layout, const std::string& command) {
    const std::string directory =
        layout.directory().empty() ? "" : fmt::format(" (--dir {})", layout.directory().string());
    return std::move(error).with_hint(fmt::format("Make it with: {}{}", command, directory));
}

Result<pki::CertificateChain> load_whole_chain(const Layout& layout, const std::string& prefix,
                                               const pki::Certificate& certificate) {
    if (certificate.is_self_issued()) return pki::CertificateChain{certificate};
    const auto path = layout.chain(prefix);
    if (std::filesystem::exists(path)) {
        MUSTER_TRY(auto chain, load_chain(path));
        if (chain.front().der() == certificate.der()) return chain;
        return fail(Errc::conflict, "{} does not begin with the certificate of {}", path.string(),
                    layout.certificate(prefix).string());
    }
    // The original scripts make no chain file for their intermediate.
    const auto root = load_chain(layout.certificate(root_prefix));
    pki::CertificateChain chain{certificate};
    if (root && root->front().subject_der() == certificate.issuer_der()) chain.push_back(root->front());
    return chain;
}

Result<> check_fit(const Layout& layout, const Named& named, const Authority& authority, TimePoint now) {
    const pki::Certificate& certificate = authority.certificate();
    const std::string file = layout.certificate(named.prefix).string();
    if (!certificate.is_ca()) return fail(Errc::invalid_argument, "{} is not a CA: it cannot issue", file);
    MUSTER_TRY(const auto expected, certificate.public_key());
    MUSTER_TRY(const auto actual, authority.key.public_key());
    if (!(expected == actual)) {
        return fail(Errc::conflict, "{} is not the key of {}", layout.key(named.prefix).string(), file);
    }
    if (now > certificate.not_after()) {
        return fail(Error(Errc::invalid_argument,
                          fmt::format("the CA {} expired on {}", file, format_utc_seconds(certificate.not_after())))
                        .with_hint(fmt::format("Replace it, and with it all it issued: {} --force", named.command)));
    }
    if (now < certificate.not_before()) {
        return fail(Errc::invalid_argument, "the CA {} is not valid before {}: is the clock right?", file,
                    format_utc_seconds(certificate.not_before()));
    }
    return {};
}

}  // namespace

Result<pki::PrivateKey> load_key(const std::filesystem::path& path, std::string_view passphrase) {
    auto text = read_file(path);
    if (!text) return fail(std::move(text).error());
    auto key = pki::PrivateKey::from_pem(*text, passphrase);
    wipe(text->data(), text->size());
    if (key) return key;
    Error error = key.error().wrap(fmt::format("cannot use the key {}", path.string()));
    if (error.code() != Errc::unauthorized) return fail(std::move(error));
    return fail(std::move(error).with_hint(
        "The key's passphrase is read from the environment variable MUSTER_CA_PASSPHRASE or --ca-passphrase-file."));
}

Result<pki::CertificateChain> load_chain(const std::filesystem::path& path) {
    MUSTER_TRY(const auto text, read_file(path));
    auto chain = pki::parse_chain(text);
    if (!chain) return fail(chain.error().wrap(fmt::format("cannot use {}", path.string())));
    return chain;
}

Result<Authority> load_authority(const Layout& layout, const std::string& name, std::string_view passphrase,
                                 TimePoint now) {
    MUSTER_TRY(const Named named, resolve(name));
    const auto path = layout.certificate(named.prefix);
    if (!std::filesystem::exists(path)) {
        return fail(
            with_hint(Error(Errc::not_found, fmt::format("the issuing CA is missing: there is no {}", path.string())),
                      layout, named.command));
    }
    MUSTER_TRY(const auto certificates, load_chain(path));
    if (!std::filesystem::exists(layout.key(named.prefix))) {
        return fail(Errc::not_found, "the key of the issuing CA is missing: there is no {}",
                    layout.key(named.prefix).string());
    }
    MUSTER_TRY(auto key, load_key(layout.key(named.prefix), passphrase));
    MUSTER_TRY(auto chain, load_whole_chain(layout, named.prefix, certificates.front()));
    Authority authority{std::move(chain), std::move(key)};
    MUSTER_CHECK(check_fit(layout, named, authority, now));
    return authority;
}

}  // namespace muster::cli::cert
