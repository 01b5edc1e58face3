#include "server_identity.h"

#include <openssl/x509v3.h>

#include "base/text.h"
#include "pki/issue.h"

namespace muster::musterd {
namespace {

using std::chrono::days;

constexpr auto clock_skew = std::chrono::minutes(5);
constexpr auto ca_lifetime = days(3650);
constexpr auto server_lifetime = days(397);
// Made anew at a start when less than this is left.
constexpr auto renew_before = days(60);

struct Pair {
    pki::Certificate certificate;
    pki::PrivateKey key;
};

// The key goes first: a certificate without its key would be taken for the real one at the next start.
Result<> save(const Pair& pair, const std::filesystem::path& certificate, const std::filesystem::path& key) {
    MUSTER_TRY(const auto key_pem, pair.key.to_pem());
    MUSTER_CHECK(write_file_atomic(key, key_pem.text(), 0600));
    return write_file_atomic(certificate, pair.certificate.pem(), 0600);
}

Result<std::optional<Pair>> load(const std::filesystem::path& certificate, const std::filesystem::path& key) {
    const auto pem = read_file(certificate);
    const auto key_pem = read_file(key);
    if (!pem || !key_pem) {
        for (const auto* missing : {&pem, &key_pem})
            if (!*missing && missing->error().code() != Errc::not_found) return std::unexpected(missing->error());
        return std::nullopt;
    }
    MUSTER_TRY(auto parsed, pki::Certificate::from_pem(*pem));
    MUSTER_TRY(auto private_key, pki::PrivateKey::from_pem(*key_pem));
    MUSTER_TRY(const auto in_certificate, parsed.public_key());
    MUSTER_TRY(const auto in_key, private_key.public_key());
    // A crash between the two writes of save leaves a new key beside the old certificate.
    if (!(in_certificate == in_key)) return std::nullopt;
    return Pair{std::move(parsed), std::move(private_key)};
}

Result<Pair> make_ca(TimePoint now, Random& random) {
    MUSTER_TRY(auto key, pki::PrivateKey::generate({}));
    MUSTER_TRY(const auto public_key, key.public_key());
    const pki::IssueRequest request{.profile = pki::Profile::root_ca,
                                    .common_name = fmt::format("Muster server CA {}", hex_encode(random.bytes(4))),
                                    .not_before = now - clock_skew,
                                    .not_after = now + ca_lifetime};
    MUSTER_TRY(auto certificate, pki::issue(request, public_key, nullptr, &key, random));
    return Pair{std::move(certificate), std::move(key)};
}

bool is_address(std::string_view name) {
    return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<Pair> make_server(const std::string& host, const Pair& ca, TimePoint now, Random& random) {
    MUSTER_TRY(auto key, pki::PrivateKey::generate({}));
    MUSTER_TRY(const auto public_key, key.public_key());
    pki::IssueRequest request{.profile = pki::Profile::server,
                              .common_name = host.substr(0, 64),
                              .dns_names = {"localhost"},
                              .ip_addresses = {"127.0.0.1", "::1"},
                              .not_before = now - clock_skew,
                              .not_after = std::min(now + server_lifetime, ca.certificate.not_after())};
    if (is_address(host)) {
        if (host != "127.0.0.1") request.ip_addresses.push_back(host);
    } else if (host != "localhost") {
        request.dns_names.push_back(host);
    }
    const pki::Issuer issuer{ca.certificate, ca.key};
    MUSTER_TRY(auto certificate, pki::issue(request, public_key, &issuer, nullptr, random));
    return Pair{std::move(certificate), std::move(key)};
}

bool serves(const pki::Certificate& certificate, const std::string& host, const pki::Certificate& ca, TimePoint now) {
    if (now + renew_before > certificate.not_after() || certificate.issuer_der() != ca.subject_der()) return false;
    if (is_address(host) || host == "localhost") return equals_ignore_case(certificate.common_name(), host);
    const auto names = certificate.dns_names();
    return std::ranges::any_of(names, [&](const auto& name) { return equals_ignore_case(name, host); });
}

// The CA that is there, or else a new one.
Result<Pair> server_ca(const DataDirectory& data, TimePoint now, Random& random) {
    MUSTER_TRY(auto ca, load(data.file(server_ca_file), data.file(server_ca_key_file)));
    if (ca) return std::move(*ca);
    MUSTER_TRY(auto made, make_ca(now, random));
    MUSTER_CHECK(save(made, data.file(server_ca_file), data.file(server_ca_key_file)));
    return made;
}

}  // namespace

Result<> make_server_ca(const DataDirectory& data, const Clock& clock, Random& random) {
    MUSTER_CHECK(server_ca(data, clock.now(), random));
    return {};
}

Result<ServerIdentity> own_server_identity(const DataDirectory& data, const std::string& host_name, const Clock& clock,
                                           Random& random) {
    const auto now = clock.now();
    MUSTER_TRY(const auto ca, server_ca(data, now, random));
    const auto server_file = data.file("server.cert.pem");
    const auto server_key_file = data.file("server.key.pem");
    MUSTER_TRY(auto server, load(server_file, server_key_file));
    if (!server || !serves(server->certificate, host_name, ca.certificate, now)) {
        MUSTER_TRY(server, make_server(host_name, ca, now, random));
        MUSTER_CHECK(save(*server, server_file, server_key_file));
    }
    MUSTER_TRY(const auto key_pem, server->key.to_pem());
    // The CA stays out of the chain: a client that trusts it has it, another has no use for it.
    return ServerIdentity{server->certificate.pem(), std::string(key_pem.text()), ca.certificate.pem()};
}

Result<ServerIdentity> given_server_identity(const std::string& certificate_file, const std::string& key_file) {
    const auto told = [](const Error& error, std::string_view key, const std::string& file) {
        return fail(error.wrap(fmt::format("{} of section [tls] cannot be used: {}", key, file)));
    };
    auto chain = read_file(certificate_file);
    if (!chain) return told(chain.error(), "certificate", certificate_file);
    auto key = read_file(key_file);
    if (!key) return told(key.error(), "key", key_file);
    const auto certificate = pki::Certificate::from_pem(*chain);
    if (!certificate) return told(certificate.error(), "certificate", certificate_file);
    const auto private_key = pki::PrivateKey::from_pem(*key);
    if (!private_key) return told(private_key.error(), "key", key_file);
    MUSTER_TRY(const auto in_certificate, certificate->public_key());
    MUSTER_TRY(const auto in_key, private_key->public_key());
    if (!(in_certificate == in_key))
        return fail(Error(Errc::invalid_argument,
                          fmt::format("the key in {} is not that of the certificate in {}", key_file, certificate_file))
                        .with_hint("the server's certificate comes first in its file, its issuers behind it"));
    return ServerIdentity{std::move(*chain), std::move(*key), {}};
}

std::string fault_of(const ServerIdentity& identity, const std::string& host_name, TimePoint now) {
    const auto certificate = pki::Certificate::from_pem(identity.chain_pem);
    if (!certificate) return certificate.error().chain();
    if (now > certificate->not_after()) return "it expired at " + format_utc_seconds(certificate->not_after());
    if (now < certificate->not_before())
        return fmt::format("it is not valid before {}", format_utc_seconds(certificate->not_before()));
    auto* const x509 = certificate->get();
    if (X509_check_host(x509, host_name.data(), host_name.size(), 0, nullptr) == 1 ||
        X509_check_ip_asc(x509, host_name.c_str(), 0) == 1)
        return {};
    const auto names = certificate->dns_names();
    return fmt::format("it is not for {}, which devices are told, but for {}", host_name,
                       names.empty() ? printable(certificate->subject()) : join(names, ", "));
}

}  // namespace muster::musterd
