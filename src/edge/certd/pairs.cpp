#include "edge/certd/pairs.h"

#include "edge/keyd/remote_key.h"
#include "edge/service/local_call.h"

namespace muster::edge::certd {

Task<Result<std::optional<pki::CertificateChain>>> Pairs::certificate(std::string id) {
    const auto pem = files_.load(id);
    if (!pem && pem.error().code() == Errc::not_found) co_return std::optional<pki::CertificateChain>();
    if (!pem) co_return fail(pem.error());
    auto chain = pki::parse_chain(*pem);
    if (!chain) co_return fail(chain.error().wrap(fmt::format("the certificate \"{}\"", id)));
    co_return std::optional(std::move(*chain));
}

Task<Result<std::optional<pki::PublicKey>>> Pairs::key(std::string id) {
    MUSTER_CO_TRY(const auto handle, co_await keys_.find_pair(std::move(id)));
    if (!handle) co_return std::optional<pki::PublicKey>();
    const auto key = co_await keyd::load_remote_key(keys_, *handle);
    // It may have been moved meanwhile.
    if (!key && says_not_found(key.error())) co_return std::optional<pki::PublicKey>();
    if (!key) co_return fail(key.error());
    MUSTER_CO_TRY(auto half, key->public_key());
    co_return std::optional(std::move(half));
}

Task<Result<>> Pairs::put_certificate(std::string id, pki::CertificateChain chain) {
    co_return files_.put(id, pki::to_pem(chain));
}

Task<Result<>> Pairs::remove_certificate(std::string id) {
    co_return files_.remove(id);
}

Task<Result<>> Pairs::move_key(std::string from, std::string to) {
    co_return co_await keys_.move_pair(std::move(from), std::move(to));
}

Task<Result<pki::PrivateKey>> Pairs::make_key(std::string id, std::string preferred_algorithms) {
    MUSTER_CO_TRY(auto handle, co_await keys_.create_pair(std::move(id), std::move(preferred_algorithms)));
    co_return co_await keyd::load_remote_key(keys_, std::move(handle));
}

Task<Result<pki::PrivateKey>> Pairs::use_key(std::string id) {
    MUSTER_CO_TRY(auto handle, co_await keys_.load_pair(std::move(id)));
    co_return co_await keyd::load_remote_key(keys_, std::move(handle));
}

}  // namespace muster::edge::certd
