#include "muster/certificate_files.h"

#include "base/bytes.h"
#include "base/file.h"

namespace muster::cli {

Result<pki::CertificateChain> read_certificate_file(const std::string& path) {
    MUSTER_TRY(const auto content, read_file(path));
    if (content.contains("PRIVATE KEY-----"))
        return fail(Error(Errc::invalid_argument, fmt::format("{} holds a private key, which is for nobody else", path))
                        .with_hint("Give the certificates alone."));
    auto chain = pki::parse_chain(content);
    if (chain) return chain;
    auto single = pki::Certificate::from_der(as_bytes(content));
    if (!single) return fail(chain.error().wrap(fmt::format("{} does not hold certificates", path)));
    return pki::CertificateChain{std::move(*single)};
}

Result<std::string> read_certificates_as_pem(const std::string& path) {
    MUSTER_TRY(const auto chain, read_certificate_file(path));
    return pki::to_pem(chain);
}

}  // namespace muster::cli
