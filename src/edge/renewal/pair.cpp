#include "edge/renewal/pair.h"

#include "base/log.h"

namespace muster::edge::renewal {

bool fits(const pki::CertificateChain& chain, const std::optional<pki::PublicKey>& key) {
    if (chain.empty() || !key) return false;
    const auto certified = chain.front().public_key();
    return certified && *certified == *key;
}

namespace {

// The copy that the certificate in place was made from. One that cannot be removed does no harm.
Task<> forget_next(PairStore& store, PairIds ids, const pki::CertificateChain& in_place) {
    const auto next = co_await store.certificate(ids.next_certificate());
    if (!next || !*next || (*next)->front().der() != in_place.front().der()) co_return;
    if (const auto removed = co_await store.remove_certificate(ids.next_certificate()); !removed)
        log::warn("a certificate that is no longer needed stays",
                  {{"certId", ids.next_certificate()}, {"error", removed.error().chain()}});
}

// The certificate in place is of the next key: the key follows it. Whoever asks at the same time does the same, and who
// comes second finds it done.
Task<Result<>> roll_forward(PairStore& store, PairIds ids, const pki::CertificateChain& chain) {
    if (const auto moved = co_await store.move_key(ids.next_key(), ids.key); !moved) {
        MUSTER_CO_TRY(const auto key, co_await store.key(ids.key));
        if (!fits(chain, key)) co_return fail(moved.error());
    }
    co_await forget_next(store, ids, chain);
    co_return Result<>{};
}

}  // namespace

namespace {

// One look at what is in place; nothing when it is no pair.
Task<Result<std::optional<pki::CertificateChain>>> look(PairStore& store, PairIds ids) {
    using Found = std::optional<pki::CertificateChain>;
    MUSTER_CO_TRY(auto chain, co_await store.certificate(ids.certificate));
    if (!chain) co_return Found();
    MUSTER_CO_TRY(const auto key, co_await store.key(ids.key));
    if (fits(*chain, key)) co_return std::move(chain);
    MUSTER_CO_TRY(const auto next, co_await store.key(ids.next_key()));
    if (!fits(*chain, next)) co_return Found();
    log::info("an interrupted renewal is brought to its end", {{"certId", ids.certificate}});
    MUSTER_CO_CHECK(co_await roll_forward(store, ids, *chain));
    co_return std::move(chain);
}

}  // namespace

Task<Result<std::optional<pki::CertificateChain>>> settle(PairStore& store, PairIds ids) {
    MUSTER_CO_TRY(auto found, co_await look(store, ids));
    if (found) co_return std::move(found);
    // Perhaps the pair changed between the looks at its two parts.
    MUSTER_CO_TRY(found, co_await look(store, ids));
    if (found) co_return std::move(found);
    MUSTER_CO_TRY(const auto chain, co_await store.certificate(ids.certificate));
    if (chain)
        log::warn("the certificate and the key are not of one another",
                  {{"certId", ids.certificate}, {"keyId", ids.key}, {"subject", chain->front().subject()}});
    co_return std::move(found);
}

Task<Result<std::optional<Successor>>> find_successor(PairStore& store, PairIds ids) {
    using Found = std::optional<Successor>;
    MUSTER_CO_TRY(auto chain, co_await store.certificate(ids.next_certificate()));
    if (!chain) co_return Found();
    const std::vector<std::string> keys{ids.next_key(), ids.key};
    for (const auto& id : keys) {
        MUSTER_CO_TRY(const auto key, co_await store.key(id));
        if (fits(*chain, key)) co_return Found(Successor{std::move(*chain), id});
    }
    co_return Found();
}

Task<Result<>> adopt(PairStore& store, PairIds ids, Successor successor) {
    const auto chain = successor.chain;
    MUSTER_CO_CHECK(co_await store.put_certificate(ids.certificate, std::move(successor.chain)));
    if (successor.key != ids.key) co_return co_await roll_forward(store, ids, chain);
    co_await forget_next(store, ids, chain);
    co_return Result<>{};
}

}  // namespace muster::edge::renewal
