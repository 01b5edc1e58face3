#include "provisioning/events.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <thread>

#include "base/file.h"
#include "provisioning/refusals.h"
#include "support/service_fixture.h"

namespace muster::provisioning {
namespace {

using test::text_at;

class EventsTest : public test::ServiceFixture {
protected:
    void append(std::string type, std::string subject, std::string actor = "") {
        const auto done = run(store_->transact([&](store::Tx& tx) {
            return tx.journal().append(
                {.time = clock_.now(), .type = type, .subject = subject, .actor = actor, .detail = R"({"a":1})"});
        }));
        EXPECT_TRUE(done) << done.error().chain();
    }
    EventPage read(EventRequest request) {
        settle();
        auto page = run(events_.read(std::move(request)));
        EXPECT_TRUE(page) << page.error().chain();
        return page ? std::move(*page) : EventPage();
    }
    static std::vector<std::string> subjects(const json::array& events) {
        std::vector<std::string> out;
        for (const auto& event : events) out.push_back(text_at(event, "/subject"));
        return out;
    }
    using Strings = std::vector<std::string>;

    Events events_{*store_};
};

TEST_F(EventsTest, PagesFollowEachOtherWithoutALoss) {
    for (int i = 0; i < 25; ++i) append("registration.assigned", fmt::format("dev-{}", i));
    std::set<std::string> seen;
    std::int64_t place = 0;
    for (bool more = true; more;) {
        const auto page = read({.after = place, .limit = 7});
        for (const auto& subject : subjects(page.events)) EXPECT_TRUE(seen.insert(subject).second) << subject;
        place = page.next;
        more = page.more;
    }
    EXPECT_EQ(seen.size(), 25u);
    EXPECT_TRUE(read({.after = place}).events.empty());
    append("registration.assigned", "later");
    EXPECT_EQ(subjects(read({.after = place}).events), Strings{"later"});
}

TEST_F(EventsTest, BeginsWithTheLastOrAtAMoment) {
    append("a.b", "one");
    clock_.advance(std::chrono::hours(1));
    const auto moment = clock_.now();
    append("a.b", "two");
    clock_.advance(std::chrono::hours(1));
    append("a.b", "three");
    EXPECT_TRUE(read({}).events.empty());
    EXPECT_EQ(subjects(read({.last = 2}).events), (Strings{"two", "three"}));
    EXPECT_EQ(subjects(read({.since = moment}).events), (Strings{"two", "three"}));
    EXPECT_EQ(subjects(read({.since = TimePoint()}).events).size(), 3u);
    EXPECT_TRUE(read({.since = clock_.now() + std::chrono::hours(1)}).events.empty());
    const auto foreign = run(events_.read({.after = 99}));
    ASSERT_FALSE(foreign);
    EXPECT_EQ(foreign.error().code(), Errc::invalid_argument);
}

TEST_F(EventsTest, TypesAreChosenByTheirBeginning) {
    append("enrollment.created", "1");
    append("enrollmentGroup.created", "2");
    append("enrollment.deleted", "3");
    EXPECT_EQ(subjects(read({.last = 10, .types = {"enrollment"}}).events), (Strings{"1", "3"}));
    EXPECT_EQ(subjects(read({.last = 10, .types = {"ENROLLMENT.deleted", "enrollmentgroup"}}).events),
              (Strings{"2", "3"}));
    EventRequest restricted{.last = 10};
    restricted.may_see = [](std::string_view type) { return is_of_type(type, "enrollmentGroup"); };
    EXPECT_EQ(subjects(read(std::move(restricted)).events), Strings{"2"});
}

TEST_F(EventsTest, ATypeThatNoEventHasIsRefusedAndTheNearestNamed) {
    for (const auto* good : {"registration", "REGISTRATION.refused", "enrollmentgroup", "allocationPolicy"})
        EXPECT_TRUE(check_event_types({good})) << good;
    const auto refusal = [](std::string type) {
        const auto checked = check_event_types({"device", std::move(type)});
        return checked ? std::string("taken") : checked.error().chain() + " " + checked.error().hint();
    };
    EXPECT_EQ(refusal("registration.assignd"),
              "no event is of type 'registration.assignd' did you mean 'registration.assigned'?");
    EXPECT_EQ(refusal("enrolment"), "no event is of type 'enrolment' did you mean 'enrollment'?");
    EXPECT_NE(refusal("xyz").find("registration, revocationList, trustBundle, twin"), std::string::npos);
}

// Every type that the sources write stands in the list.
TEST_F(EventsTest, TheListOfTypesIsWhole) {
    const std::regex literal(R"re("([a-z][A-Za-z]*\.[a-z][A-Za-z]*)")re");
    const auto types = event_types();
    std::set<std::string> families;
    for (const auto type : types) families.emplace(type.substr(0, type.find('.')));
    std::size_t found = 0;
    for (const auto* room : {"authority", "endpoints", "hub", "provisioning"}) {
        for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(MUSTER_SOURCES) / room)) {
            if (entry.path().extension() != ".cpp") continue;
            const auto text = read_file(entry.path()).value();
            for (std::sregex_iterator match(text.begin(), text.end(), literal), end; match != end; ++match) {
                const auto name = (*match)[1].str();
                if (!families.contains(name.substr(0, name.find('.')))) continue;
                EXPECT_TRUE(std::ranges::find(types, name) != types.end()) << name << " in " << entry.path();
                ++found;
            }
        }
    }
    EXPECT_GT(found, types.size());
}

TEST_F(EventsTest, AFilterThatFitsNothingStillMovesOn) {
    run(store_->transact([&](store::Tx& tx) -> Result<> {
        for (int i = 0; i < 12'000; ++i) MUSTER_CHECK(tx.journal().append({.time = clock_.now(), .type = "a.b"}));
        return {};
    })).value();
    const auto page = read({.after = 0, .types = {"nothing"}});
    EXPECT_TRUE(page.events.empty());
    EXPECT_TRUE(page.more);
    EXPECT_EQ(page.next, 10'000);
    EXPECT_FALSE(read({.after = page.next, .types = {"nothing"}}).more);
}

TEST_F(EventsTest, WhoWaitsIsTold) {
    net::Reactors reactors(1);
    store_->on_journal([this] { events_.wake(); });
    std::atomic<bool> told = false;
    boost::asio::co_spawn(
        reactors.at(0),
        [&]() -> Task<> {
            auto page = co_await events_.read({.after = 0, .types = {"a"}, .wait = std::chrono::seconds(60)});
            EXPECT_TRUE(page && page->events.size() == 1);
            told = true;
        },
        boost::asio::detached);
    reactors.start();
    while (events_.waiting() == 0) std::this_thread::yield();
    append("b.c", "not that");
    append("a.b", "that");
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!told && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    EXPECT_TRUE(told);
    reactors.stop();
    store_.reset();  // its threads may be telling the reactor yet
}

TEST_F(EventsTest, AServiceThatEndsSendsHomeWhoWaits) {
    net::Reactors reactors(1);
    std::atomic<bool> home = false;
    boost::asio::co_spawn(
        reactors.at(0),
        [&]() -> Task<> {
            const auto page = co_await events_.read({.wait = std::chrono::seconds(60)});
            EXPECT_TRUE(page && page->events.empty());
            home = true;
        },
        boost::asio::detached);
    reactors.start();
    while (events_.waiting() == 0) std::this_thread::yield();
    events_.stop();
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!home && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
    EXPECT_TRUE(home);
    reactors.stop();
    store_.reset();
}

TEST_F(EventsTest, RefusalsAreToldTogetherAndTheRestCounted) {
    Refusals refusals(*store_, clock_);
    // A loop that runs until all is done, the flush a second later included.
    boost::asio::io_context loop(1);
    boost::asio::co_spawn(
        loop,
        [&]() -> Task<> {
            for (int i = 0; i < 30; ++i)
                co_await refusals.note({fmt::format("dev-{}\n", i), "192.0.2.1:1", "t", 401002, "not known"});
        },
        boost::asio::detached);
    auto guard = boost::asio::make_work_guard(loop);
    std::thread runs([&] { loop.run(); });
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    json::array told;
    while (told.empty() && std::chrono::steady_clock::now() < patience) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        told = read({.last = 100}).events;
    }
    guard.reset();
    loop.stop();
    runs.join();
    ASSERT_EQ(told.size(), 21u);
    EXPECT_EQ(text_at(told, "/0/type"), "registration.refused");
    EXPECT_EQ(text_at(told, "/0/subject"), "dev-0\\x0a");
    EXPECT_EQ(text_at(told, "/0/detail/errorCode"), "401002");
    EXPECT_EQ(text_at(told, "/20/type"), "registration.refusalsNotTold");
    EXPECT_EQ(text_at(told, "/20/detail/count"), "10");
}

TEST(ChangedMembers, AreThoseThatDiffer) {
    EXPECT_EQ(changed_members(R"({"a":1,"b":{"c":2},"d":3})", R"({"a":1,"b":{"c":3},"e":4})"),
              (json::array{"b", "d", "e"}));
    EXPECT_EQ(changed_members("{}", "{}"), json::array());
    EXPECT_EQ(changed_members("no JSON", R"({"a":1})"), json::array{"a"});
}

}  // namespace
}  // namespace muster::provisioning
