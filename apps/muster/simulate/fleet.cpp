#include "muster/simulate/fleet.h"

#include "base/file.h"
#include "pki/issue.h"

namespace muster::cli::simulate {

Result<Fleet> Fleet::issued_by(const Files& authority, std::string prefix) {
    Fleet fleet;
    fleet.prefix_ = std::move(prefix);
    MUSTER_TRY(const auto chain, read_file(authority.chain));
    MUSTER_TRY(fleet.authority_, pki::parse_chain(chain));
    MUSTER_TRY(auto pem, read_file(authority.key));
    auto key = pki::PrivateKey::from_pem(pem);
    wipe(pem.data(), pem.size());
    if (!key) return std::unexpected(key.error().wrap(authority.key));
    fleet.authority_key_ = std::move(*key);
    MUSTER_TRY(const auto own, fleet.authority_key_->public_key());
    MUSTER_TRY(const auto certified, fleet.authority_.front().public_key());
    if (!(own == certified)) {
        return fail(Errc::invalid_argument, "the key {} is not the one of the first certificate in {}", authority.key,
                    authority.chain);
    }
    return fleet;
}

Fleet Fleet::read_from(std::string folder, std::string prefix) {
    Fleet fleet;
    fleet.prefix_ = std::move(prefix);
    fleet.folder_ = std::move(folder);
    return fleet;
}

Result<DeviceIdentity> Fleet::device(std::size_t number) {
    // 618,033,989 and 10^9 have no common factor: distinct numbers stay distinct.
    const auto shown = scattered_ ? fmt::format("{:09}", number % 1'000'000'000 * 618'033'989 % 1'000'000'000)
                                  : fmt::format("{}", number);
    const auto name = prefix_ + shown;
    return authority_key_ ? issue(name) : read(name);
}

Result<DeviceIdentity> Fleet::issue(const std::string& name) {
    MUSTER_TRY(auto key, pki::PrivateKey::generate({}));
    MUSTER_TRY(const auto public_key, key.public_key());
    pki::IssueRequest request;
    request.profile = pki::Profile::client;
    request.common_name = name;
    request.not_before = SystemClock().now() - std::chrono::minutes(5);
    request.not_after = request.not_before + std::chrono::days(1);
    const pki::Issuer issuer{authority_.front(), *authority_key_};
    MUSTER_TRY(auto leaf, pki::issue(request, public_key, &issuer, nullptr, random_));
    pki::CertificateChain chain{std::move(leaf)};
    chain.insert(chain.end(), authority_.begin(), authority_.end());
    return DeviceIdentity{name, std::move(chain), pki::share(key.get())};
}

Result<DeviceIdentity> Fleet::read(const std::string& name) const {
    const auto stem = fmt::format("iot-edge-device-identity-{}", name);
    MUSTER_TRY(const auto chain_pem, read_file(fmt::format("{}/certs/{}-full-chain.cert.pem", folder_, stem)));
    MUSTER_TRY(auto chain, pki::parse_chain(chain_pem));
    MUSTER_TRY(auto key_pem, read_file(fmt::format("{}/private/{}.key.pem", folder_, stem)));
    auto key = pki::PrivateKey::from_pem(key_pem);
    wipe(key_pem.data(), key_pem.size());
    if (!key) return std::unexpected(key.error().wrap(name));
    return DeviceIdentity{name, std::move(chain), pki::share(key->get())};
}

}  // namespace muster::cli::simulate
