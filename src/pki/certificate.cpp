#include "pki/certificate.h"

#include <openssl/sha.h>

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "pki/openssl.h"

namespace muster::pki {

namespace {

// Certificates of devices are one or two kilobytes; this bounds what a hostile one costs.
constexpr std::size_t kMaxDer = 64 * 1024;
constexpr std::size_t kMaxChainBlocks = 64;
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

std::optional<TimePoint> time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
    const std::chrono::year_month_day day{std::chrono::year(parts.tm_year + 1900),
                                          std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
                                          std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
    if (!day.ok()) return std::nullopt;
    return TimePoint(std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) +
                     std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec));
}

struct PemBlock {
    std::string_view body;
    std::string_view rest;  // what follows the block
};

// The next CERTIFICATE block; nothing when there is none, an error when it has no end.
Result<std::optional<PemBlock>> next_block(std::string_view pem) {
    const std::size_t begin = pem.find(kBegin);
    if (begin == std::string_view::npos) return std::nullopt;
    const std::string_view inside = pem.substr(begin + kBegin.size());
    const std::size_t end = inside.find(kEnd);
    if (end == std::string_view::npos) return fail(Errc::invalid_argument, "{} has no matching {}", kBegin, kEnd);
    return PemBlock{inside.substr(0, end), inside.substr(end + kEnd.size())};
}

Result<Certificate> decode_block(std::string_view body) {
    const auto der = base64_decode(body, true);
    if (!der) return fail(Errc::invalid_argument, "the PEM block is not base64");
    return Certificate::from_der(*der);
}

Bytes octets(const ASN1_OCTET_STRING* string) {
    if (string == nullptr) return {};
    const unsigned char* data = ASN1_STRING_get0_data(string);
    return Bytes(data, data + ASN1_STRING_length(string));
}

}  // namespace

std::string common_name_of(const X509_NAME* name) {
    int found = -1;
    for (int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) {
        found = at;
    }
    if (found < 0) return {};
    const ErrorScope errors;
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, found)));
    if (size < 0) return {};
    std::string out(reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size));
    OPENSSL_free(utf8);
    // "device-1\0.evil" must not be taken for "device-1" by anyone further on.
    return out.find('\0') == std::string::npos ? out : std::string();
}

std::string name_text(const X509_NAME* name) {
    const ErrorScope errors;
    const BioOwner out(BIO_new(BIO_s_mem()));
    if (!out || X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) return "(unreadable name)";
    return std::string(as_text(written_to(out.get())));
}

// Everything beside the X509 itself is worked out when it is first asked for, once, whichever thread asks.
struct Certificate::Parts {
    explicit Parts(X509Owner owned) : x509(std::move(owned)) {}

    struct Encoded {
        Bytes der;
        Sha256 sha256{};
    };
    struct Read {
        std::string common_name;
        TimePoint not_before = TimePoint::max();  // dates that cannot be read are never valid
        TimePoint not_after = TimePoint::min();
    };

    const Encoded& encoded() const {
        std::call_once(encoded_once, [this] {
            encoded_value.der = encode_der(x509.get(), i2d_X509);
            const Bytes hash = sha256(encoded_value.der);
            std::ranges::copy(hash, encoded_value.sha256.begin());
        });
        return encoded_value;
    }
    const Read& read() const {
        std::call_once(read_once, [this] {
            const ErrorScope errors;
            read_value.common_name = common_name_of(X509_get_subject_name(x509.get()));
            const auto from = time_of(X509_get0_notBefore(x509.get()));
            const auto until = time_of(X509_get0_notAfter(x509.get()));
            if (!from || !until) return;
            read_value.not_before = *from;
            read_value.not_after = *until;
        });
        return read_value;
    }

    X509Owner x509;

private:
    mutable std::once_flag encoded_once;
    mutable std::once_flag read_once;
    mutable Encoded encoded_value;
    mutable Read read_value;
};

Result<Certificate> Certificate::from_der(ByteView der) {
    if (der.size() > kMaxDer) {
        return fail(Errc::too_large, "the certificate has {} bytes; at most {} are read", der.size(), kMaxDer);
    }
    const ErrorScope errors;
    const unsigned char* next = der.data();
    X509Owner x509(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
    if (!x509) return fail(Errc::invalid_argument, "not an X.509 certificate: {}", ErrorScope::reason());
    if (next != der.data() + der.size()) return fail(Errc::invalid_argument, "bytes follow the certificate");
    Certificate certificate(std::make_shared<const Parts>(std::move(x509)));
    if (certificate.not_after() == TimePoint::min()) {
        return fail(Errc::invalid_argument, "the certificate's validity dates cannot be read");
    }
    return certificate;
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
    MUSTER_TRY(const auto block, next_block(pem));
    if (!block) return fail(Errc::invalid_argument, "no \"{}\" in the text", kBegin);
    return decode_block(block->body);
}

Result<Certificate> Certificate::from_any(std::string_view text) {
    if (text.find(kBegin) != std::string_view::npos) return from_pem(text);
    if (!text.empty() && text.front() == '\x30') {
        if (auto certificate = from_der(as_bytes(text))) return certificate;
    }
    const auto decoded = base64_decode(trim(text), true);
    if (!decoded) return fail(Errc::invalid_argument, "not a certificate: neither PEM, nor DER, nor base64 of either");
    if (as_text(*decoded).find(kBegin) != std::string_view::npos) return from_pem(as_text(*decoded));
    return from_der(*decoded);
}

Certificate Certificate::from_x509(X509* x509) {
    X509_up_ref(x509);
    return Certificate(std::make_shared<const Parts>(X509Owner(x509)));
}

X509* Certificate::get() const {
    return parts_->x509.get();
}

const Bytes& Certificate::der() const {
    return parts_->encoded().der;
}

std::string Certificate::pem() const {
    constexpr std::size_t kLine = 64;
    const std::string body = base64_encode(der());
    std::string out(kBegin);
    for (std::size_t at = 0; at < body.size(); at += kLine) out.append("\n").append(body, at, kLine);
    return out.append("\n").append(kEnd).append("\n");
}

const Sha256& Certificate::sha256_fingerprint() const {
    return parts_->encoded().sha256;
}

std::string Certificate::sha1_thumbprint() const {
    std::array<std::uint8_t, SHA_DIGEST_LENGTH> hash{};
    SHA_CTX context;
    SHA1_Init(&context);
    SHA1_Update(&context, der().data(), der().size());
    SHA1_Final(hash.data(), &context);
    return hex_encode_upper(hash);
}

std::string Certificate::sha256_thumbprint() const {
    return hex_encode_upper(sha256_fingerprint());
}

const std::string& Certificate::common_name() const {
    return parts_->read().common_name;
}

std::string Certificate::subject() const {
    return name_text(X509_get_subject_name(get()));
}

std::string Certificate::issuer() const {
    return name_text(X509_get_issuer_name(get()));
}

Bytes Certificate::subject_der() const {
    return encode_der(X509_get_subject_name(get()), i2d_X509_NAME);
}

Bytes Certificate::issuer_der() const {
    return encode_der(X509_get_issuer_name(get()), i2d_X509_NAME);
}

std::string Certificate::serial_hex() const {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(get());
    const std::string sign = (ASN1_STRING_type(serial) & V_ASN1_NEG) != 0 ? "-" : "";
    return sign + hex_encode_upper(octets(serial));
}

int Certificate::version() const {
    return static_cast<int>(X509_get_version(get())) + 1;
}

TimePoint Certificate::not_before() const {
    return parts_->read().not_before;
}

TimePoint Certificate::not_after() const {
    return parts_->read().not_after;
}

bool Certificate::is_ca() const {
    const ErrorScope errors;
    const std::uint32_t flags = X509_get_extension_flags(get());
    if ((flags & EXFLAG_BCONS) != 0) return (flags & EXFLAG_CA) != 0;
    return (flags & EXFLAG_V1) != 0 && (flags & EXFLAG_SI) != 0;
}

std::optional<int> Certificate::path_length() const {
    const ErrorScope errors;
    const long length = X509_get_pathlen(get());
    return length < 0 ? std::nullopt : std::optional(static_cast<int>(length));
}

bool Certificate::is_self_issued() const {
    return X509_NAME_cmp(X509_get_subject_name(get()), X509_get_issuer_name(get())) == 0;
}

Bytes Certificate::subject_key_id() const {
    const ErrorScope errors;
    return octets(X509_get0_subject_key_id(get()));
}

Bytes Certificate::authority_key_id() const {
    const ErrorScope errors;
    return octets(X509_get0_authority_key_id(get()));
}

std::vector<std::string> Certificate::dns_names() const {
    const ErrorScope errors;
    std::vector<std::string> out;
    const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(get(), NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_DNS) continue;
        const Bytes text = octets(name->d.dNSName);
        if (std::ranges::find(text, 0) == text.end()) out.emplace_back(as_text(text));
    }
    return out;
}

Result<PublicKey> Certificate::public_key() const {
    const ErrorScope errors;
    EVP_PKEY* key = X509_get0_pubkey(get());
    if (key == nullptr) {
        return fail(Errc::invalid_argument, "the public key of {} cannot be read: {}", printable(subject()),
                    ErrorScope::reason());
    }
    return PublicKey(share(key));
}

Result<CertificateChain> parse_chain(std::string_view pem) {
    CertificateChain chain;
    for (;;) {
        auto block = next_block(pem);
        if (!block) return fail(block.error().wrap(fmt::format("certificate {} of the text", chain.size() + 1)));
        if (!*block) break;
        if (chain.size() == kMaxChainBlocks) {
            return fail(Errc::too_large, "the text holds more than {} certificates", kMaxChainBlocks);
        }
        auto certificate = decode_block((*block)->body);
        if (!certificate) {
            return fail(certificate.error().wrap(fmt::format("certificate {} of the text", chain.size() + 1)));
        }
        chain.push_back(std::move(*certificate));
        pem = (*block)->rest;
    }
    if (chain.empty()) return fail(Errc::invalid_argument, "no \"{}\" in the text", kBegin);
    return chain;
}

std::string to_pem(const CertificateChain& chain) {
    std::string out;
    for (const Certificate& certificate : chain) out += certificate.pem();
    return out;
}

}  // namespace muster::pki
