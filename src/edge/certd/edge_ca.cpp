#include "edge/certd/edge_ca.h"

#include "base/text.h"
#include "pki/subject.h"

namespace muster::edge::certd {
namespace {

// As the container runtime asks (facts/device.md 6.1).
std::vector<std::pair<std::string, std::string>> edge_ca_extensions() {
    return {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}, {"keyUsage", "critical,digitalSignature,keyCertSign"}};
}

// "ec-p256:*": as keyd has the kind of a key, and any other where a token has no such.
std::string kind_of(const pki::Certificate& certificate) {
    const auto key = certificate.public_key();
    if (!key) return "*";
    auto kind = key->spec().text();
    std::ranges::replace(kind, ':', '-');
    return kind + ":*";
}

}  // namespace

Result<> check_authority(const std::string& id, const pki::CertificateChain& chain) {
    if (!chain.front().is_ca())
        return fail(Error(Errc::conflict, fmt::format("what was issued for \"{}\" is no authority (CA:TRUE): {}",
                                                      printable(id), printable(chain.front().subject())))
                        .with_hint("let the issuer issue authorities (musterd: muster enrollment-group update GROUP "
                                   "--edge-ca true), or make it on the device: method = \"self_signed\""));
    for (std::size_t above = 1; above < chain.size(); ++above) {
        const auto room = chain[above].path_length();
        if (!room || static_cast<std::size_t>(*room) >= above) continue;
        return fail(Errc::conflict,
                    "what was issued for \"{}\" cannot be used: {}, which stands above it, may not have it below (path "
                    "length {}, needed {})",
                    printable(id), printable(chain[above].subject()), *room, above);
    }
    return {};
}

std::optional<renewal::PairIds> EdgeCa::renewed_by(const Settings& settings) {
    const std::string id(edge_ca_id);
    const auto* issuance = settings.issuance_of(id);
    if (issuance == nullptr || !issuance->auto_renew || settings.preloaded.contains(id)) return std::nullopt;
    return renewal::PairIds{id, id};
}

Task<std::string> EdgeCa::key_preference(CurrentPtr now, std::string certificate, const pki::Certificate& old) {
    const auto* issuance = now->settings.issuance_of(certificate);
    if (issuance != nullptr && issuance->method == Method::est) {
        auto wanted = co_await est_.preferred_key(now, std::move(certificate));
        if (!wanted.empty()) co_return wanted;
    }
    co_return kind_of(old);
}

Task<Result<pki::CertificateChain>> EdgeCa::make_next(CurrentPtr now, std::string certificate, std::string key_id,
                                                      Chain old) {
    Pairs pairs(now->files, keys_);
    auto preference = co_await key_preference(now, certificate, old.front());
    MUSTER_CO_TRY(const auto key, co_await pairs.make_key(std::move(key_id), std::move(preference)));
    MUSTER_CO_TRY(auto request, co_await threads_.run([&] {
        return pki::Csr::create(key, pki::subject_of(old.front()), edge_ca_extensions());
    }));
    MUSTER_CO_TRY(auto chain, co_await issue_(now, certificate, std::move(request)));
    MUSTER_CO_CHECK(co_await pairs.put_certificate(std::move(certificate), chain));
    co_return chain;
}

renewal::Ways EdgeCa::ways_to_renew(const CurrentSource& current) {
    renewal::Ways ways;
    ways.issue = [this, current](std::string certificate, std::string key, Chain old) {
        return make_next(current(), std::move(certificate), std::move(key), std::move(old));
    };
    // Nobody can be asked whether an authority works. What lies there from before may be another's, as the container
    // runtime renews under the same ids.
    ways.prove = [](Chain chain, std::string) -> Task<Result<>> {
        co_return check_authority(std::string(edge_ca_id), chain);
    };
    return ways;
}

}  // namespace muster::edge::certd
