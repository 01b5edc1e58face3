#include "muster/cert/certificate_view.h"

#include <arpa/inet.h>
#include <openssl/x509v3.h>

#include <array>

#include "base/text.h"

namespace muster::cli::cert {
namespace {

struct Named {
    std::uint32_t bit;
    const char* name;
};

constexpr std::array key_usages = {
    Named{KU_DIGITAL_SIGNATURE, "digitalSignature"},
    Named{KU_NON_REPUDIATION, "nonRepudiation"},
    Named{KU_KEY_ENCIPHERMENT, "keyEncipherment"},
    Named{KU_DATA_ENCIPHERMENT, "dataEncipherment"},
    Named{KU_KEY_AGREEMENT, "keyAgreement"},
    Named{KU_KEY_CERT_SIGN, "keyCertSign"},
    Named{KU_CRL_SIGN, "cRLSign"},
};
constexpr std::array purposes = {
    Named{XKU_SSL_CLIENT, "clientAuth"},      Named{XKU_SSL_SERVER, "serverAuth"}, Named{XKU_SMIME, "emailProtection"},
    Named{XKU_CODE_SIGN, "codeSigning"},      Named{XKU_OCSP_SIGN, "OCSPSigning"}, Named{XKU_TIMESTAMP, "timeStamping"},
    Named{XKU_ANYEKU, "anyExtendedKeyUsage"},
};

std::vector<std::string> names_of(std::uint32_t bits, std::span<const Named> all) {
    std::vector<std::string> names;
    for (const auto& [bit, name] : all) {
        if ((bits & bit) != 0) names.emplace_back(name);
    }
    return names;
}

std::vector<std::string> key_usage_of(const pki::Certificate& certificate) {
    if ((X509_get_extension_flags(certificate.get()) & EXFLAG_KUSAGE) == 0) return {};
    return names_of(X509_get_key_usage(certificate.get()), key_usages);
}

std::vector<std::string> purposes_of(const pki::Certificate& certificate) {
    if ((X509_get_extension_flags(certificate.get()) & EXFLAG_XKUSAGE) == 0) return {};
    return names_of(X509_get_extended_key_usage(certificate.get()), purposes);
}

std::string address_text(const ASN1_OCTET_STRING* address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int size = ASN1_STRING_length(address);
    const int family = size == 4 ? AF_INET : AF_INET6;
    if (size != 4 && size != 16) return {};
    const char* shown = ::inet_ntop(family, ASN1_STRING_get0_data(address), text.data(), text.size());
    return shown == nullptr ? std::string() : std::string(shown);
}

std::vector<std::string> addresses_of(const pki::Certificate& certificate) {
    std::vector<std::string> out;
    const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)),
        GENERAL_NAMES_free);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type == GEN_IPADD) out.push_back(address_text(name->d.iPAddress));
    }
    return out;
}

std::string key_text(const Result<pki::PublicKey>& key) {
    return key ? key->spec().text() : "(unreadable)";
}

std::string authority_text(const pki::Certificate& certificate) {
    if (!certificate.is_ca()) return "no";
    const auto length = certificate.path_length();
    return length ? fmt::format("yes, {} more below it at most", *length) : "yes";
}

json::array to_array(const std::vector<std::string>& values) {
    json::array out;
    for (const auto& value : values) out.emplace_back(value);
    return out;
}

}  // namespace

json::object to_json(const pki::Certificate& certificate) {
    json::object out{{"subject", certificate.subject()},
                     {"issuer", certificate.issuer()},
                     {"serialNumber", certificate.serial_hex()},
                     {"version", certificate.version()},
                     {"notBefore", format_utc_seconds(certificate.not_before())},
                     {"notAfter", format_utc_seconds(certificate.not_after())},
                     {"key", key_text(certificate.public_key())},
                     {"isCa", certificate.is_ca()},
                     {"pathLength", nullptr},
                     {"keyUsage", to_array(key_usage_of(certificate))},
                     {"extendedKeyUsage", to_array(purposes_of(certificate))},
                     {"dnsNames", to_array(certificate.dns_names())},
                     {"ipAddresses", to_array(addresses_of(certificate))},
                     {"subjectKeyId", hex_encode_upper(certificate.subject_key_id())},
                     {"authorityKeyId", hex_encode_upper(certificate.authority_key_id())},
                     {"sha1Thumbprint", certificate.sha1_thumbprint()},
                     {"sha256Thumbprint", certificate.sha256_thumbprint()}};
    if (const auto length = certificate.path_length()) out["pathLength"] = *length;
    return out;
}

json::object to_json(const pki::Csr& request) {
    return {{"commonName", request.common_name()},
            {"key", key_text(request.public_key())},
            {"signatureOk", request.signature_ok()}};
}

void print(const pki::Certificate& certificate, const Io& io) {
    const auto when = [&](TimePoint time) {
        return fmt::format("{} ({})", format_utc_seconds(time), relative_time(time, io.now));
    };
    FactSheet sheet;
    sheet.add("Subject", certificate.subject());
    sheet.add("Issuer", certificate.issuer());
    sheet.add("Serial number", certificate.serial_hex());
    sheet.add("Valid from", when(certificate.not_before()));
    sheet.add("Valid until", when(certificate.not_after()));
    sheet.add("Key", key_text(certificate.public_key()));
    sheet.add("Is a CA", authority_text(certificate));
    sheet.add("Key usage", join(key_usage_of(certificate), ", "));
    sheet.add("Purposes", join(purposes_of(certificate), ", "));
    sheet.add("DNS names", join(certificate.dns_names(), ", "));
    sheet.add("Addresses", join(addresses_of(certificate), ", "));
    sheet.add("Subject key id", hex_encode_upper(certificate.subject_key_id()));
    sheet.add("Authority key id", hex_encode_upper(certificate.authority_key_id()));
    sheet.add("SHA-1 thumbprint", certificate.sha1_thumbprint());
    sheet.add("SHA-256 thumbprint", certificate.sha256_thumbprint());
    sheet.print(io);
}

void print(const pki::Csr& request, const Io& io) {
    FactSheet sheet;
    sheet.add("Request for CN", request.common_name());
    sheet.add("Key", key_text(request.public_key()));
    sheet.add("Signed by its key", request.signature_ok() ? "yes" : "NO");
    sheet.print(io);
}

}  // namespace muster::cli::cert
