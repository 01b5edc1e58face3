// A certificate's whole life, by a clock that stands still until the test moves it.
#include "edge/renewal/keep.h"

#include <gmock/gmock.h>

#include "fake_store.h"

namespace muster::edge::renewal {
namespace {

using namespace std::chrono_literals;

const PairIds ids{"device-id", "device-id"};

struct EndOfTest {};

class Keep : public ::testing::Test {
protected:
    Keep() : clock(at(0)) {
        const auto key = new_key();
        store.set_key(ids.key, key);
        store.certificates[ids.certificate] = certificate_of(key, "0", at(0), at(1000));
    }

    // Lets `time` go by, asleep or not; jumps of the wall clock come from `at_wait`.
    void live(Micros time) {
        end = steady + time;
        Ways ways;
        ways.issue = [this](std::string certificate, std::string key,
                            pki::CertificateChain) -> Task<Result<pki::CertificateChain>> {
            attempts.push_back(steady);
            if (failures > 0) {
                --failures;
                if (throws) throw std::runtime_error("a defect");
                co_return fail(Errc::unavailable, "the issuer is away");
            }
            if (!store.keys.contains(key)) store.set_key(key, new_key());
            const auto now = issuer_clock ? *issuer_clock : clock.now();
            const pki::PrivateKey held(pki::share(store.keys.at(key).get()));
            store.certificates[certificate] =
                certificate_of(held, fmt::format("{}", ++issued), std::chrono::floor<std::chrono::seconds>(now),
                               std::chrono::floor<std::chrono::seconds>(now) + 1000s);
            co_return store.certificates[certificate];
        };
        ways.prove = [](pki::CertificateChain, std::string) -> Task<Result<>> { co_return Result<>{}; };
        Surroundings around{clock,
                            [this] { return Schedule::Steady(steady); },
                            random,
                            [this](Micros wait) { return sleep(wait); },
                            [this] { return policy; },
                            {},
                            [this] { ++renewals; }};
        boost::asio::io_context loop;
        boost::asio::co_spawn(loop, keep(store, ids, std::move(ways), std::move(around)),
                              [](const std::exception_ptr&) {});
        loop.run();
    }

    Task<> sleep(Micros wait) {
        ++wakeups;
        if (at_wait) {
            const auto jump = std::exchange(at_wait, nullptr);
            jump();
            co_return;
        }
        const auto step = std::min<Micros>(wait, std::chrono::duration_cast<Micros>(end - steady));
        steady += step;
        clock.advance(step);
        if (steady >= end) throw EndOfTest();
    }

    FakeStore store;
    ManualClock clock;
    SeededRandom random{7};
    std::chrono::steady_clock::duration steady{0};
    std::chrono::steady_clock::duration end{0};
    std::optional<Policy> policy = Policy{};
    std::function<void()> at_wait;
    std::optional<TimePoint> issuer_clock;
    std::vector<std::chrono::steady_clock::duration> attempts;
    int failures = 0;
    bool throws = false;
    int issued = 0;
    int renewals = 0;
    int wakeups = 0;
};

TEST_F(Keep, RenewsAgainAndAgainAndSleepsInBetween) {
    live(10'000s);
    EXPECT_GE(issued, 11);  // every 800 to 840 seconds
    EXPECT_LE(issued, 13);
    EXPECT_EQ(renewals, issued);
    EXPECT_TRUE(store.whole(ids));
    EXPECT_LE(wakeups, 2 * issued + 2);
    EXPECT_GT(store.certificates.at(ids.certificate).front().not_after(), clock.now());
}

TEST_F(Keep, AnIssuerThatIsAwayIsAskedInPaces) {
    failures = 1000;
    live(1'000s);
    EXPECT_GE(attempts.size(), 3U);
    EXPECT_LE(attempts.size(), 6U);  // 40 to 50 seconds apart, from 800 on
    EXPECT_EQ(store.certificates.at(ids.certificate).front().common_name(), "0");
    EXPECT_TRUE(store.whole(ids));
}

TEST_F(Keep, ADefectIsAFailureLikeOthers) {
    failures = 2;
    throws = true;
    live(1'000s);
    EXPECT_EQ(issued, 1);
}

TEST_F(Keep, AClockThatJumpsOverTheDueTimeDoesNotSkipIt) {
    at_wait = [this] { clock.advance(900s); };
    live(60s);
    EXPECT_EQ(issued, 1);
}

TEST_F(Keep, AClockThatJumpsFarAheadDoesNotMakeAStorm) {
    // The issuer's clock is right: what it gives has ended already by ours.
    issuer_clock = at(10);
    at_wait = [this] { clock.advance(std::chrono::days(3650)); };
    live(1'000s);
    EXPECT_GE(issued, 5);
    EXPECT_LE(issued, 27);  // 40 seconds apart
}

TEST_F(Keep, AClockSetBackWaitsByTheNewTime) {
    at_wait = [this] { clock.set(at(-5'000)); };
    live(5'500s);
    EXPECT_EQ(issued, 0);
    EXPECT_LE(wakeups, 4);
    live(500s);
    EXPECT_EQ(issued, 1);
}

TEST_F(Keep, NothingHappensWithoutACertificateOrAPolicy) {
    store.certificates.clear();
    live(std::chrono::days(1));
    EXPECT_LE(wakeups, 25);
    EXPECT_EQ(issued, 0);
    policy.reset();
    wakeups = 0;
    live(std::chrono::days(10));
    EXPECT_LE(wakeups, 1);
}

TEST_F(Keep, AChangedPolicyHolds) {
    at_wait = [this] { policy = Policy{false, Span::percent(10), Span::percent(4)}; };
    live(150s);
    EXPECT_EQ(issued, 1);
    EXPECT_EQ(store.keys.size(), 1U);
}

TEST_F(Keep, AnotherCertificateInThePlaceIsFollowed) {
    at_wait = [this] {
        const pki::PrivateKey held(pki::share(store.keys.at(ids.key).get()));
        store.certificates[ids.certificate] = certificate_of(held, "imported", at(0), at(100'000));
    };
    live(70'000s);
    EXPECT_EQ(issued, 0);
    EXPECT_EQ(store.certificates.at(ids.certificate).front().common_name(), "imported");
}

}  // namespace
}  // namespace muster::edge::renewal
