// The two stores of a pair, in memory, that lose power at a step of the test's choice.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <map>

#include "base/random.h"
#include "edge/renewal/pair.h"
#include "pki/issue.h"

namespace muster::edge::renewal {

struct PowerCut {};

inline pki::PrivateKey new_key() {
    return pki::PrivateKey::generate({}).value();
}

inline pki::PublicKey public_half(const pki::PrivateKey& key) {
    return key.public_key().value();
}

inline TimePoint at(std::int64_t seconds) {
    return TimePoint(std::chrono::seconds(1'800'000'000 + seconds));
}

inline pki::CertificateChain certificate_of(const pki::PrivateKey& key, const std::string& name, TimePoint from,
                                            TimePoint until) {
    static SystemRandom random;
    pki::IssueRequest request;
    request.common_name = name;
    request.not_before = from;
    request.not_after = until;
    return {pki::issue(request, public_half(key), nullptr, &key, random).value()};
}

// What a test runs to its end on a loop of its own.
template <class T>
T run(Task<T> task) {
    boost::asio::io_context loop;
    std::optional<T> result;
    std::exception_ptr failed;
    boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr thrown, T value) {
        failed = thrown;
        result.emplace(std::move(value));
    });
    loop.run();
    if (failed) std::rethrow_exception(failed);
    return std::move(*result);
}

class FakeStore final : public PairStore {
public:
    std::map<std::string, pki::CertificateChain> certificates;
    std::map<std::string, pki::EvpKey> keys;
    // The power goes before (even) or after (odd) the change of this half-step; -1: it stays.
    int cut_at = -1;
    int half_steps = 0;
    std::function<void(const std::string& id)> before_key;  // someone else's work, between two looks

    void set_key(const std::string& id, const pki::PrivateKey& key) { keys[id] = pki::share(key.get()); }

    Task<Result<std::optional<pki::CertificateChain>>> certificate(std::string id) override {
        const auto found = certificates.find(id);
        if (found == certificates.end()) co_return std::optional<pki::CertificateChain>();
        co_return std::optional(found->second);
    }
    Task<Result<std::optional<pki::PublicKey>>> key(std::string id) override {
        if (before_key) before_key(id);
        const auto found = keys.find(id);
        if (found == keys.end()) co_return std::optional<pki::PublicKey>();
        co_return std::optional(public_half(pki::PrivateKey(pki::share(found->second.get()))));
    }
    Task<Result<>> put_certificate(std::string id, pki::CertificateChain chain) override {
        change([&] { certificates[id] = chain; });
        co_return Result<>{};
    }
    Task<Result<>> remove_certificate(std::string id) override {
        change([&] { certificates.erase(id); });
        co_return Result<>{};
    }
    Task<Result<>> move_key(std::string from, std::string to) override {
        const auto found = keys.find(from);
        if (found == keys.end()) co_return fail(Errc::invalid_argument, "key \"{}\" not found", from);
        change([&] {
            keys[to] = std::move(found->second);
            keys.erase(found);
        });
        co_return Result<>{};
    }

    template <class Change>
    void change(Change change) {
        may_cut();
        change();
        may_cut();
    }

    bool whole(const PairIds& ids) {
        const auto chain = certificates.find(ids.certificate);
        if (chain == certificates.end()) return false;
        return fits(chain->second, run(key(ids.key)).value());
    }

private:
    void may_cut() {
        if (half_steps++ == cut_at) throw PowerCut();
    }
};

}  // namespace muster::edge::renewal
