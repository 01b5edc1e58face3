#include "muster/cert/maker.h"

#include "base/text.h"

namespace muster::cli::cert {
namespace {

constexpr mode_t secret_mode = 0600;
constexpr mode_t public_mode = 0644;

}  // namespace

// One subject on its way.
struct Maker::Work {
    FileBatch& batch;
    Random& random;
    std::vector<std::filesystem::path> files;

    Result<> write(const std::filesystem::path& path, std::string_view content) {
        files.push_back(path);
        return batch.stage(path, content, public_mode, FileBatch::Kind::other);
    }
    Result<> write_secret(const std::filesystem::path& path, std::string_view content, FileBatch::Kind kind) {
        files.push_back(path);
        return batch.stage(path, content, secret_mode, kind);
    }
};

std::vector<std::filesystem::path> Maker::files_of(const std::string& prefix) const {
    std::vector<std::filesystem::path> files = {layout_.certificate(prefix)};
    if (plan_.authority != nullptr) {
        files.push_back(layout_.chain(prefix));
        files.push_back(layout_.request(prefix));
    }
    if (plan_.pfx) files.push_back(layout_.pfx(prefix));
    files.push_back(layout_.key(prefix));
    return files;
}

bool Maker::is_complete(const std::string& prefix) const {
    return std::ranges::all_of(files_of(prefix), [](const auto& path) { return std::filesystem::exists(path); });
}

Result<Made> Maker::make(const Subject& subject, FileBatch& batch, Random& random) const {
    if (plan_.existing == Existing::replace) {
        // The old certificates go before the old key does, whether or not this run makes such files anew.
        for (const auto& path :
             {layout_.chain(subject.prefix), layout_.pfx(subject.prefix), layout_.certificate(subject.prefix),
              layout_.request(subject.prefix), layout_.key(subject.prefix)}) {
            batch.remove_before(path);
        }
    }
    Work work{batch, random, {}};
    MUSTER_TRY(const auto key, key_for(subject, work));
    MUSTER_CHECK(make_request(subject, key, work));
    MUSTER_TRY(const auto certificate, certificate_for(subject, key, work));
    pki::CertificateChain chain{certificate};
    if (plan_.authority != nullptr)
        chain.insert(chain.end(), plan_.authority->chain.begin(), plan_.authority->chain.end());
    MUSTER_CHECK(make_pfx(subject, key, chain, work));
    const auto chain_path = layout_.chain(subject.prefix);
    if (plan_.authority != nullptr && !is_kept(chain_path)) MUSTER_CHECK(work.write(chain_path, to_pem(chain)));
    return Made{certificate, std::move(work.files)};
}

Result<pki::PrivateKey> Maker::key_for(const Subject& subject, Work& work) const {
    const auto path = layout_.key(subject.prefix);
    if (is_kept(path)) return load_key(path);
    MUSTER_TRY(auto key, pki::PrivateKey::generate(plan_.key));
    MUSTER_TRY(const auto pem, key.to_pem());
    MUSTER_CHECK(work.write_secret(path, pem.text(), FileBatch::Kind::key));
    return key;
}

Result<> Maker::make_request(const Subject& subject, const pki::PrivateKey& key, Work& work) const {
    const auto path = layout_.request(subject.prefix);
    if (plan_.authority == nullptr || is_kept(path)) return {};
    MUSTER_TRY(const auto request, pki::Csr::create(key, {{"CN", subject.common_name}}));
    return work.write(path, request.pem());
}

// Issued once and kept: a run that was interrupted may have left the chain alone, which begins with the certificate.
Result<std::optional<pki::Certificate>> Maker::kept_certificate(const Subject& subject) const {
    for (const auto& path : {layout_.certificate(subject.prefix), layout_.chain(subject.prefix)}) {
        if (!is_kept(path)) continue;
        MUSTER_TRY(const auto kept, load_chain(path));
        return kept.front();
    }
    return std::nullopt;
}

Result<pki::Certificate> Maker::certificate_for(const Subject& subject, const pki::PrivateKey& key, Work& work) const {
    const auto path = layout_.certificate(subject.prefix);
    MUSTER_TRY(auto certificate, kept_certificate(subject));
    if (!certificate) {
        MUSTER_TRY(certificate, issue(subject, key, work.random));
    }
    MUSTER_TRY(const auto expected, certificate->public_key());
    MUSTER_TRY(const auto actual, key.public_key());
    if (!(expected == actual)) {
        return fail(Error(Errc::conflict,
                          fmt::format("{} does not belong to {}", path.string(), layout_.key(subject.prefix).string()))
                        .with_hint("Make this one anew with --force."));
    }
    if (!is_kept(path)) MUSTER_CHECK(work.write(path, certificate->pem()));
    return std::move(*certificate);
}

Result<> Maker::make_pfx(const Subject& subject, const pki::PrivateKey& key, const pki::CertificateChain& chain,
                         Work& work) const {
    const auto path = layout_.pfx(subject.prefix);
    if (!plan_.pfx || is_kept(path)) return {};
    MUSTER_TRY(const Bytes pfx, pki::make_pfx(key, chain, plan_.pfx_passphrase->text(), subject.common_name));
    return work.write_secret(path, as_text(pfx), FileBatch::Kind::other);
}

Result<pki::Certificate> Maker::issue(const Subject& subject, const pki::PrivateKey& key, Random& random) const {
    pki::IssueRequest request;
    request.profile = plan_.profile;
    request.common_name = subject.common_name;
    request.dns_names = subject.dns_names;
    request.ip_addresses = subject.ip_addresses;
    request.path_length = plan_.path_length;
    request.not_before = plan_.now - clock_skew_allowance;
    request.not_after = plan_.now + plan_.lifetime;
    MUSTER_TRY(const auto public_key, key.public_key());
    if (plan_.authority == nullptr) return pki::issue(request, public_key, nullptr, &key, random);
    const pki::Issuer issuer{plan_.authority->certificate(), plan_.authority->key};
    return pki::issue(request, public_key, &issuer, nullptr, random);
}

bool Maker::is_kept(const std::filesystem::path& path) const {
    return plan_.existing == Existing::keep && std::filesystem::exists(path);
}

}  // namespace muster::cli::cert
