#include "edge/config/check_certificates.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/file.h"
#include "base/text.h"
#include "edge/config/values.h"

namespace muster::edge {
namespace {

constexpr auto soon = std::chrono::days(7);
constexpr std::size_t file_limit = 1024 * 1024;

bool signed_by(const pki::Certificate& subject, const pki::Certificate& issuer) {
    const auto key = issuer.public_key();
    return key && ::X509_verify(subject.get(), key->get()) == 1;
}

bool issued_by(const pki::Certificate& subject, const pki::Certificate& issuer) {
    return subject.issuer_der() == issuer.subject_der();
}

std::string place(std::size_t index, const pki::Certificate& certificate) {
    return index == 0 ? fmt::format("the certificate {}", certificate.subject())
                      : fmt::format("certificate {} of the chain, {},", index + 1, certificate.subject());
}

// The key of an EKU that allows TLS clients, or none at all.
bool serves_clients(const pki::Certificate& certificate) {
    const auto usage = ::X509_get_extended_key_usage(certificate.get());
    return usage == UINT32_MAX || (usage & (XKU_SSL_CLIENT | XKU_ANYEKU)) != 0;
}

// Which certificate of the file the key does belong to, for the commonest mistake: a chain turned round.
std::optional<std::size_t> owner_of(const pki::CertificateChain& chain, const pki::PublicKey& key) {
    for (std::size_t i = 1; i < chain.size(); ++i)
        if (const auto other = chain[i].public_key(); other && *other == key) return i;
    return std::nullopt;
}

}  // namespace

std::optional<pki::CertificateChain> read_certificates(const GivenFile& file, Notes& notes) {
    const auto text = read_file(file.path, file_limit);
    if (!text) {
        notes.problem(file, text.error().chain());
        return std::nullopt;
    }
    auto chain = pki::parse_chain(*text);
    if (!chain) {
        if (text->find("PRIVATE KEY") != std::string::npos) {
            notes.problem(file, fmt::format("{} holds a private key where certificates belong", file.path.string()),
                          "name the file of the certificate here, and that of its key in the line for the key");
        } else if (pki::Certificate::from_der(as_bytes(*text))) {
            notes.problem(file,
                          fmt::format("{} holds a certificate in the form DER; PEM is needed", file.path.string()),
                          fmt::format("openssl x509 -inform DER -in {0} -out {0}.pem, and name {0}.pem here",
                                      file.path.string()));
        } else {
            notes.problem(
                file, fmt::format("{} holds no readable certificates: {}", file.path.string(), chain.error().chain()),
                "put the device's certificate there in the form PEM, and behind it those of its issuers");
        }
        return std::nullopt;
    }
    return std::move(*chain);
}

std::optional<pki::PrivateKey> read_private_key(const GivenFile& file, Notes& notes) {
    auto text = read_file(file.path, file_limit);
    if (!text) {
        notes.problem(file, text.error().chain());
        return std::nullopt;
    }
    auto key = pki::PrivateKey::from_pem(*text);
    const bool certificate = text->find("BEGIN CERTIFICATE") != std::string::npos;
    wipe(text->data(), text->size());
    if (key) return std::move(*key);
    const auto path = file.path.string();
    if (key.error().code() == Errc::unauthorized) {
        notes.problem(file, fmt::format("the private key in {} is encrypted; keyd needs it in the clear", path),
                      fmt::format("openssl pkey -in {} -out {}.plain && mv {}.plain {}", path, path, path, path));
    } else if (certificate) {
        notes.problem(file, fmt::format("{} holds a certificate where the private key belongs", path),
                      "name the file of the key here, and that of its certificate in the line for the certificate");
    } else {
        notes.problem(file, fmt::format("{} holds no readable private key: {}", path, key.error().chain()),
                      fmt::format("put the key there in the form PEM; of one in the form DER: openssl pkey -inform DER "
                                  "-in YOUR_FILE -out {}",
                                  path));
    }
    return std::nullopt;
}

void check_dates(const pki::CertificateChain& chain, const GivenFile& file, TimePoint now, Notes& notes) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const auto& certificate = chain[i];
        const auto what = place(i, certificate);
        if (certificate.not_after() < now) {
            notes.problem(file, fmt::format("{} expired on {}", what, format_utc_seconds(certificate.not_after())),
                          i == 0 ? "have a new one issued" : "");
        } else if (certificate.not_before() > now) {
            notes.problem(file,
                          fmt::format("{} is not valid before {}; this device's clock says {}", what,
                                      format_utc_seconds(certificate.not_before()), format_utc_seconds(now)),
                          "timedatectl status");
        } else if (certificate.not_after() - now < soon) {
            notes.warning(file, fmt::format("{} expires on {}, in less than 7 days", what,
                                            format_utc_seconds(certificate.not_after())));
        }
    }
}

void check_chain_order(const pki::CertificateChain& chain, const GivenFile& file, Notes& notes) {
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        const auto& subject = chain[i];
        const auto& issuer = chain[i + 1];
        if (!issued_by(subject, issuer)) {
            notes.problem(file,
                          fmt::format("the chain is out of order: {} was issued by {}, but {} follows it",
                                      subject.subject(), subject.issuer(), issuer.subject()),
                          "put the device's certificate first and each issuer after the one it signed");
            return;
        }
        if (!signed_by(subject, issuer)) {
            notes.problem(file,
                          fmt::format("{} bears the name of its issuer {} but not its signature: the authority was "
                                      "made anew with another key, or this is another of the same name",
                                      subject.subject(), issuer.subject()));
            return;
        }
    }
}

void check_pair(const pki::CertificateChain& chain, const GivenFile& certificate, const pki::PrivateKey& key,
                const GivenFile& key_file, Notes& notes) {
    const auto public_half = key.public_key();
    const auto leaf_key = chain.front().public_key();
    if (!public_half || !leaf_key) {
        notes.problem(key_file, "the kind of key is not understood");
        return;
    }
    if (*public_half == *leaf_key) return;
    if (const auto index = owner_of(chain, *public_half)) {
        notes.problem(certificate,
                      fmt::format("the private key belongs to certificate {} of {}, {}, not to the first", *index + 1,
                                  certificate.path.string(), chain[*index].subject()),
                      "put the device's certificate first");
        return;
    }
    notes.problem(key_file,
                  fmt::format("the private key in {} does not belong to the certificate {} in {}",
                              key_file.path.string(), chain.front().subject(), certificate.path.string()),
                  fmt::format("compare: openssl x509 -in {} -noout -pubkey; openssl pkey -in {} -pubout",
                              certificate.path.string(), key_file.path.string()));
}

void check_client(const pki::Certificate& leaf, const GivenFile& file, Notes& notes) {
    if (!serves_clients(leaf))
        notes.problem(
            file, fmt::format("{} is not for TLS clients: its extended key usage lacks clientAuth", leaf.subject()));
}

void check_identity(const pki::Certificate& leaf, const GivenFile& file, const std::optional<Given>& registration_id,
                    Notes& notes) {
    if (leaf.is_ca())
        notes.problem(file,
                      fmt::format("{} is an authority (CA:TRUE); a device's identity must be a leaf", leaf.subject()),
                      "use the certificate that the authority issued to this device");
    const auto& name = leaf.common_name();
    if (!registration_id) {
        if (name.empty())
            notes.problem(file, "the certificate has no common name to take the registration id from",
                          "set registration_id in [provisioning.attestation], equal to the common name");
        else if (const auto wrong = check_registration_id(name))
            notes.problem(file, fmt::format("the common name \"{}\" cannot be a registration id: it {}",
                                            printable(name), *wrong));
        return;
    }
    if (equals_ignore_case(name, registration_id->value)) return;
    notes.problem(registration_id->key, registration_id->line,
                  fmt::format("is \"{}\", but the certificate in {} has the common name \"{}\"; the two must be equal",
                              registration_id->value, file.path.string(), printable(name)),
                  check_registration_id(name) ? "" : fmt::format("registration_id = \"{}\"", name));
}

}  // namespace muster::edge
