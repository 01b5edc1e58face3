#include "edge/renewal/renew.h"

#include "base/log.h"
#include "base/text.h"

namespace muster::edge::renewal {
namespace {

bool refused(const Error& error) {
    return error.code() == Errc::unauthorized || error.code() == Errc::conflict;
}

// An issuer's clock may be ahead of ours.
constexpr Micros tolerable_head_start = std::chrono::minutes(10);

// No proof by use shows what a certificate is worth tomorrow.
Result<> check_life(const pki::Certificate& fresh, const pki::Certificate& old, TimePoint now) {
    const auto end = fresh.not_after();
    if (now > end)
        return fail(Errc::conflict, "it expired on {}, or this machine's clock is wrong", format_utc_seconds(end));
    if (now + tolerable_head_start < fresh.not_before())
        return fail(Errc::conflict, "it is not valid before {}, or this machine's clock is wrong",
                    format_utc_seconds(fresh.not_before()));
    if (end <= old.not_after())
        return fail(Errc::conflict, "it ends on {}, no later than the old one", format_utc_seconds(end));
    return {};
}

// Of an earlier attempt that got no further: as good as a fresh one while it ends later than the one in place.
bool still_good(const Successor& successor, const PairIds& ids, const pki::CertificateChain& old, bool rotate_key) {
    const bool as_wished = (successor.key != ids.key) == rotate_key;
    return as_wished && successor.chain.front().not_after() > old.front().not_after();
}

Task<Result<Successor>> make_successor(PairStore& store, PairIds ids, bool rotate_key, Ways ways,
                                       pki::CertificateChain old) {
    MUSTER_CO_TRY(auto earlier, co_await find_successor(store, ids));
    if (earlier && still_good(*earlier, ids, old, rotate_key)) {
        log::info("the certificate of an earlier attempt is used", {{"certId", ids.certificate}});
        co_return std::move(*earlier);
    }
    const auto key = rotate_key ? ids.next_key() : ids.key;
    MUSTER_CO_TRY(auto chain, co_await ways.issue(ids.next_certificate(), key, std::move(old)));
    MUSTER_CO_TRY(const auto held, co_await store.key(key));
    if (!fits(chain, held))
        co_return fail(Errc::conflict, "the certificate that was issued for \"{}\" is not of the key \"{}\"",
                       ids.certificate, key);
    co_return Successor{std::move(chain), key};
}

}  // namespace

Task<Result<pki::CertificateChain>> renew(PairStore& store, PairIds ids, bool rotate_key, Ways ways,
                                          const Clock& clock) {
    MUSTER_CO_TRY(auto old, co_await settle(store, ids));
    if (!old) co_return fail(Errc::not_found, "there is no certificate \"{}\" to renew", ids.certificate);
    MUSTER_CO_TRY(auto successor, co_await make_successor(store, ids, rotate_key, ways, *old));
    auto chain = successor.chain;
    if (auto worth = check_life(chain.front(), old->front(), clock.now()); !worth) {
        MUSTER_CO_CHECK(co_await store.remove_certificate(ids.next_certificate()));
        co_return fail(worth.error().wrap(
            fmt::format("the new certificate \"{}\" is not worth having; the old one stays", ids.certificate)));
    }
    if (auto proven = co_await ways.prove(successor.chain, successor.key); !proven) {
        if (refused(proven.error())) (void)co_await store.remove_certificate(ids.next_certificate());
        co_return fail(proven.error().wrap(
            fmt::format("the new certificate \"{}\" does not work; the old one stays", ids.certificate)));
    }
    MUSTER_CO_CHECK(co_await adopt(store, ids, std::move(successor)));
    co_return chain;
}

}  // namespace muster::edge::renewal
