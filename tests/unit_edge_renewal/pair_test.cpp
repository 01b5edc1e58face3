// A renewal whose power goes at every step in turn: the device always has a whole pair.
#include "edge/renewal/renew.h"
#include "fake_store.h"

namespace muster::edge::renewal {
namespace {

const PairIds ids{"device-id", "device-id"};

class Renewal : public ::testing::Test {
protected:
    void SetUp() override {
        const auto key = new_key();
        store.set_key(ids.key, key);
        store.certificates[ids.certificate] = certificate_of(key, "old", at(0), at(100));
    }

    // An issuer that makes the key when there is none yet, as certd and keyd do.
    Ways ways() {
        Ways ways;
        ways.issue = [this](std::string certificate, std::string key,
                            pki::CertificateChain) -> Task<Result<pki::CertificateChain>> {
            if (!issuing) co_return fail(Errc::unavailable, "the issuer is away");
            if (!store.keys.contains(key)) store.change([&] { store.set_key(key, new_key()); });
            const pki::PrivateKey held(pki::share(store.keys.at(key).get()));
            ++issued;
            auto chain = certificate_of(held, fmt::format("new {}", issued), begin, end + std::chrono::seconds(issued));
            store.change([&] { store.certificates[certificate] = chain; });
            co_return chain;
        };
        ways.prove = [this](pki::CertificateChain chain, std::string key) -> Task<Result<>> {
            EXPECT_TRUE(fits(chain, (co_await store.key(key)).value()));
            // Whatever is being tried, the old pair is in its place.
            EXPECT_TRUE(store.whole(ids));
            EXPECT_EQ(store.certificates.at(ids.certificate).front().common_name(), in_place);
            ++proven;
            if (refusal) co_return fail(*refusal);
            co_return Result<>{};
        };
        return ways;
    }
    Result<pki::CertificateChain> renew_once(bool rotate_key) {
        return run(renew(store, ids, rotate_key, ways(), clock));
    }
    std::string name_in_place() { return store.certificates.at(ids.certificate).front().common_name(); }

    FakeStore store;
    ManualClock clock{at(85)};
    std::string in_place = "old";
    bool issuing = true;
    TimePoint begin = at(80);
    TimePoint end = at(180);
    int issued = 0;
    int proven = 0;
    std::optional<Error> refusal;
};

TEST_F(Renewal, TheNewPairTakesTheOldOnesPlace) {
    const auto before = run(store.key(ids.key)).value();
    ASSERT_TRUE(renew_once(true));
    EXPECT_EQ(name_in_place(), "new 1");
    EXPECT_TRUE(store.whole(ids));
    EXPECT_FALSE(run(store.key(ids.key)).value() == before);
    EXPECT_EQ(store.certificates.size(), 1U);
    EXPECT_EQ(store.keys.size(), 1U);
}

TEST_F(Renewal, TheKeyStaysWhereItIsNotToBeChanged) {
    const auto before = run(store.key(ids.key)).value();
    ASSERT_TRUE(renew_once(false));
    EXPECT_EQ(name_in_place(), "new 1");
    EXPECT_TRUE(run(store.key(ids.key)).value() == before);
    EXPECT_EQ(store.keys.size(), 1U);
}

TEST_F(Renewal, AnIssuerThatIsAwayCostsNothing) {
    issuing = false;
    for (const bool rotate : {true, false}) {
        EXPECT_EQ(renew_once(rotate).error().code(), Errc::unavailable);
        EXPECT_EQ(name_in_place(), "old");
        EXPECT_TRUE(store.whole(ids));
    }
}

TEST_F(Renewal, APairThatIsRefusedIsNotTriedAgain) {
    refusal = Error(Errc::unauthorized, "who is that?");
    EXPECT_FALSE(renew_once(true));
    EXPECT_EQ(name_in_place(), "old");
    EXPECT_TRUE(store.whole(ids));
    refusal.reset();
    ASSERT_TRUE(renew_once(true));
    EXPECT_EQ(name_in_place(), "new 2");
}

TEST_F(Renewal, APairThatCouldNotBeTriedIsKeptForTheNextAttempt) {
    refusal = Error(Errc::timeout, "no network");
    EXPECT_FALSE(renew_once(true));
    EXPECT_EQ(name_in_place(), "old");
    refusal.reset();
    ASSERT_TRUE(renew_once(true));
    EXPECT_EQ(name_in_place(), "new 1");
    EXPECT_EQ(issued, 1);
}

TEST_F(Renewal, ACertificateOfAnotherKeyIsNotTakenOver) {
    auto wrong = ways();
    wrong.issue = [this](std::string certificate, std::string key,
                         pki::CertificateChain) -> Task<Result<pki::CertificateChain>> {
        store.set_key(key, new_key());
        store.certificates[certificate] = certificate_of(new_key(), "other", at(80), at(180));
        co_return store.certificates[certificate];
    };
    const auto renewed = run(renew(store, ids, true, wrong, clock));
    ASSERT_FALSE(renewed);
    EXPECT_EQ(renewed.error().code(), Errc::conflict);
    EXPECT_EQ(proven, 0);
    EXPECT_EQ(name_in_place(), "old");
}

TEST_F(Renewal, ACertificateThatIsWorthNoMoreIsNotTakenOver) {
    const auto refused_with = [this](TimePoint from, TimePoint until, TimePoint now) {
        begin = from;
        end = until - std::chrono::seconds(issued + 1);
        clock.set(now);
        const auto renewed = renew_once(true);
        EXPECT_FALSE(renewed);
        EXPECT_EQ(renewed.error().code(), Errc::conflict);
        EXPECT_FALSE(store.certificates.contains(ids.next_certificate()));
        return renewed.error().chain();
    };
    EXPECT_NE(refused_with(at(10), at(100), at(85)).find("no later than the old one"), std::string::npos);
    EXPECT_NE(refused_with(at(10), at(200), at(201)).find("expired"), std::string::npos);
    EXPECT_NE(refused_with(at(1000), at(2000), at(85)).find("not valid before"), std::string::npos);
    EXPECT_EQ(proven, 0);
    EXPECT_EQ(name_in_place(), "old");
    EXPECT_TRUE(store.whole(ids));
}

TEST_F(Renewal, NothingIsThereToRenew) {
    store.certificates.clear();
    EXPECT_EQ(renew_once(true).error().code(), Errc::not_found);
    EXPECT_EQ(issued, 0);
}

TEST_F(Renewal, AStrangersKeyIsNoPair) {
    store.set_key(ids.key, new_key());
    EXPECT_FALSE(run(settle(store, ids)).value());
}

// Two look at the same interrupted change; one is done while the other is between its looks at the two keys.
TEST_F(Renewal, AChangeThatHappensBetweenTwoLooksIsSeen) {
    for (const auto* when : {"device-id", "device-id-temp"}) {
        const auto fresh = new_key();
        store.set_key(ids.next_key(), fresh);
        store.certificates[ids.certificate] = certificate_of(fresh, "new", at(80), at(180));
        store.before_key = [&](const std::string& id) {
            if (id != when || !store.keys.contains(ids.next_key())) return;
            store.keys[ids.key] = std::move(store.keys.at(ids.next_key()));
            store.keys.erase(ids.next_key());
        };
        const auto found = run(settle(store, ids));
        store.before_key = nullptr;
        ASSERT_TRUE(found) << found.error().chain();
        EXPECT_TRUE(found->has_value()) << "or a new certificate would be asked for";
    }
}

TEST_F(Renewal, ARenewalThatIsDoneBetweenTwoLooksIsSeen) {
    store.before_key = [&](const std::string& id) {
        if (id != ids.key || name_in_place() != "old") return;
        const auto fresh = new_key();
        store.set_key(ids.key, fresh);
        store.certificates[ids.certificate] = certificate_of(fresh, "new", at(80), at(180));
    };
    EXPECT_EQ(run(settle(store, ids)).value()->front().common_name(), "new");
}

class PowerCuts : public Renewal, public ::testing::WithParamInterface<bool> {};

// Every half-step of a renewal in turn, and of what comes after: a start that settles, and the next renewal.
TEST_P(PowerCuts, LeaveAWholePairWheneverTheyCome) {
    const bool rotate = GetParam();
    ASSERT_TRUE(renew_once(rotate));
    const int steps = store.half_steps;
    ASSERT_GE(steps, 4);
    for (int cut = 0; cut < steps; ++cut) {
        SCOPED_TRACE(cut);
        store = FakeStore();
        issued = 0;
        in_place = "old";
        SetUp();
        store.cut_at = cut;
        EXPECT_THROW((void)renew_once(rotate), PowerCut);
        store.cut_at = -1;
        // Any other start may see another cut: settling is interrupted, too.
        for (int later = 0; later < 6; ++later) {
            store.cut_at = store.half_steps + later;
            try {
                (void)run(settle(store, ids));
            } catch (const PowerCut&) {
                continue;
            }
        }
        store.cut_at = -1;
        const auto chain = run(settle(store, ids));
        ASSERT_TRUE(chain) << chain.error().chain();
        ASSERT_TRUE(*chain);
        EXPECT_TRUE(store.whole(ids));
        in_place = name_in_place();
        EXPECT_TRUE(in_place == "old" || in_place == "new 1");
        ASSERT_TRUE(renew_once(rotate));
        EXPECT_TRUE(store.whole(ids));
        EXPECT_NE(name_in_place(), "old");
        EXPECT_EQ(store.certificates.size(), 1U);
        EXPECT_EQ(store.keys.size(), 1U);
    }
}

INSTANTIATE_TEST_SUITE_P(Pairs, PowerCuts, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "WithANewKey" : "WithTheSameKey"; });

}  // namespace
}  // namespace muster::edge::renewal
