#include "edge/certd/est_answer.h"

#include <openssl/x509.h>

#include <algorithm>

#include "base/text.h"
#include "pki/pkcs7.h"

namespace muster::edge::certd {
namespace {

constexpr std::chrono::seconds usual_wish{60};
constexpr std::chrono::seconds longest_wish{86'400};
constexpr std::size_t longest_chain = 10;

std::string_view media_type(const net::HttpResponse& response) {
    const auto type = response.headers.get("content-type");
    return trim(type.substr(0, type.find(';')));
}

bool signed_by(const pki::Certificate& subject, const pki::Certificate& issuer) {
    const auto key = issuer.public_key();
    return key && ::X509_verify(subject.get(), key->get()) == 1;
}

// Several may bear the issuer's name, when an authority has changed its key.
const pki::Certificate* issuer_of(const pki::Certificate& subject, const pki::CertificateChain& among, bool& named) {
    for (const auto& candidate : among) {
        if (candidate.subject_der() != subject.issuer_der()) continue;
        named = true;
        if (signed_by(subject, candidate)) return &candidate;
    }
    return nullptr;
}

Errc code_of(int status) {
    switch (status) {
        case 202:
        case 429: return Errc::throttled;
        case 401:
        case 403: return Errc::unauthorized;
        case 404:
        case 405:
        case 501: return Errc::unsupported;
        default: return status >= 500 ? Errc::unavailable : Errc::conflict;
    }
}

bool is_text(const net::HttpResponse& response) {
    const auto type = media_type(response);
    return starts_with_ignore_case(type, "text/plain") || starts_with_ignore_case(type, "application/json") ||
           starts_with_ignore_case(type, "application/problem+json");
}

}  // namespace

Result<pki::CertificateChain> read_certificates(const net::HttpResponse& response) {
    const auto type = media_type(response);
    if (!equals_ignore_case(type, "application/pkcs7-mime"))
        return fail(Error(Errc::conflict, fmt::format("the answer's content type is \"{}\", not application/pkcs7-mime",
                                                      printable(type, 60)))
                        .with_hint("look at the url: it ends in /.well-known/est or /.well-known/est/LABEL"));
    auto certificates = pki::certificates_from_pkcs7_text(response.body);
    if (!certificates) return fail(certificates.error().wrap(Errc::conflict, "the answer cannot be used"));
    return certificates;
}

Result<pki::CertificateChain> arrange(const pki::CertificateChain& issued, const pki::CertificateChain& authorities,
                                      const pki::PublicKey& key) {
    const auto own = std::ranges::find_if(issued, [&](const auto& certificate) {
        const auto certified = certificate.public_key();
        return certified && *certified == key;
    });
    if (own == issued.end())
        return fail(Errc::conflict, "no certificate of the answer is of the key that it was asked for");
    auto among = issued;
    among.insert(among.end(), authorities.begin(), authorities.end());
    pki::CertificateChain chain{*own};
    while (chain.size() < longest_chain && !chain.back().is_self_issued()) {
        bool named = false;
        const auto* issuer = issuer_of(chain.back(), among, named);
        if (issuer == nullptr && named)
            return fail(Errc::conflict, "the certificate {} is not signed by {}, whose name it bears",
                        chain.back().subject(), chain.back().issuer());
        if (issuer == nullptr) break;
        chain.push_back(*issuer);
    }
    return chain;
}

std::chrono::seconds retry_wish(const net::HttpResponse& response) {
    const auto seconds = parse_integer<long>(trim(response.headers.get("retry-after")));
    if (!seconds) return usual_wish;
    return std::clamp(std::chrono::seconds(*seconds), std::chrono::seconds(1), longest_wish);
}

Error est_refusal(std::string_view what, const net::HttpResponse& response) {
    auto text = fmt::format("{}: HTTP {}", what, response.status);
    if (is_text(response) && !trim(response.body).empty())
        text += ": " + printable(trim(response.body).substr(0, 300), 300);
    return {code_of(response.status), std::move(text)};
}

std::string origin_of(std::string_view url) {
    constexpr std::string_view scheme = "https://";
    auto host = url.substr(std::min(scheme.size(), url.size()));
    host = host.substr(0, host.find_first_of("/?#"));
    if (host.ends_with(":443")) host.remove_suffix(4);
    return fmt::format("https://{}", to_lower(host));
}

Result<Redirection> redirection(const std::string& base, const net::HttpResponse& response) {
    const auto where = trim(response.headers.get("location"));
    if (where.size() > 2048 || where.find_first_of(" \t\"<>\\") != std::string_view::npos ||
        std::ranges::any_of(where, [](char c) { return static_cast<unsigned char>(c) < 0x21 || c == 0x7f; }))
        return fail(Errc::conflict, "the server redirects to what is no address");
    if (where.starts_with('/') && !where.starts_with("//")) return Redirection{base, std::string(where)};
    constexpr std::string_view scheme = "https://";
    if (!starts_with_ignore_case(where, scheme))
        return fail(Errc::conflict, "the server redirects to \"{}\", which is not https", printable(where, 100));
    const auto rest = where.substr(scheme.size());
    const auto host = rest.substr(0, rest.find_first_of("/?#"));
    if (host.empty() || host.find('@') != std::string_view::npos)
        return fail(Errc::conflict, "the server redirects to \"{}\", which names no host", printable(where, 100));
    const auto path = rest.substr(host.size());
    if (!path.starts_with('/'))
        return fail(Errc::conflict, "the server redirects to \"{}\", which has no path", printable(where, 100));
    return Redirection{origin_of(where), std::string(path.substr(0, path.find('#')))};
}

}  // namespace muster::edge::certd
