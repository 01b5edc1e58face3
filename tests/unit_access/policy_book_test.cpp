#include "access/policy_book.h"

#include <gtest/gtest.h>

#include "net/reactor.h"
#include "support/memory_search.h"
#include "wire/sas.h"

namespace muster::access {
namespace {

class PolicyBookTest : public ::testing::Test {
protected:
    Result<> change(PolicyBook::Edit edit) { return net::run_blocking(book_.change(std::move(edit))); }
    static PolicyBook::Edit remove(std::string name) {
        return [name = std::move(name)](Policies& policies) -> Result<> {
            if (!policies.erase(name)) return fail(Errc::not_found, "no {}", name);
            return {};
        };
    }
    bool lets_in(const std::string& name, const Secret& key) {
        const auto now = SystemClock().now();
        const auto token = wire::make_sas("h", key.bytes(), name, now + std::chrono::hours(1));
        return book_.current()->authenticate(token, {"h"}, now).has_value();
    }

    SeededRandom random_{1};
    std::string saved_;
    bool disk_is_full_ = false;
    PolicyBook book_{Policies::generate(random_), [this](const Policies& policies) -> Result<> {
                         if (disk_is_full_) return fail(Errc::io, "the disk is full");
                         saved_ = policies.serialize();
                         return {};
                     }};
};

TEST_F(PolicyBookTest, AChangeIsInForceAtOnceAndWritten) {
    const auto key = book_.current()->find("registryRead")->primary_key.clone();
    ASSERT_TRUE(lets_in("registryRead", key));
    ASSERT_TRUE(change(remove("registryRead")));
    EXPECT_FALSE(lets_in("registryRead", key));
    const auto written = Policies::parse(saved_);
    ASSERT_TRUE(written);
    EXPECT_EQ(written->find("registryRead"), nullptr);
    EXPECT_NE(written->find("owner"), nullptr);
}

TEST_F(PolicyBookTest, WhatCannotBeWrittenIsNotInForce) {
    disk_is_full_ = true;
    EXPECT_FALSE(change(remove("registryRead")));
    EXPECT_NE(book_.current()->find("registryRead"), nullptr);
}

TEST_F(PolicyBookTest, TheLastThatMayChangePoliciesStays) {
    ASSERT_TRUE(change(remove("provisioningserviceowner")));
    const auto last = change(remove("owner"));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code(), Errc::conflict);
    const auto reduced = change([](Policies& policies) -> Result<> {
        policies.find("owner")->rights = static_cast<unsigned>(Right::enrollment_read);
        return {};
    });
    EXPECT_FALSE(reduced);
    EXPECT_TRUE(book_.current()->find("owner")->may(Right::service_config));
}

TEST_F(PolicyBookTest, WhoHoldsAStateKeepsIt) {
    const auto before = book_.current();
    const auto* policy = before->find("service");
    ASSERT_TRUE(change(remove("service")));
    EXPECT_EQ(policy->name, "service");
    EXPECT_EQ(book_.current()->find("service"), nullptr);
}

TEST_F(PolicyBookTest, ChangesFollowOneAnother) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([this, t] {
            for (int i = 0; i < 25; ++i)
                EXPECT_TRUE(change([&](Policies& policies) -> Result<> {
                    policies.put({fmt::format("p-{}-{}", t, i), new_policy_key(random_), new_policy_key(random_), 1});
                    return {};
                }));
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(book_.current()->all().size(), 8u + 100u);
    EXPECT_EQ(Policies::parse(saved_)->all().size(), 108u);
}

TEST(Policies, NamesAndRightsAreChecked) {
    EXPECT_TRUE(check_policy_name("help-desk_2.x"));
    EXPECT_FALSE(check_policy_name(""));
    EXPECT_FALSE(check_policy_name("a/b"));
    EXPECT_FALSE(check_policy_name(std::string(65, 'a')));
    EXPECT_EQ(rights_from_json(nullptr).has_value(), false);
    const json::value known{"EnrollmentRead", "ServiceConfig"};
    EXPECT_EQ(rights_to_json(*rights_from_json(&known)), (json::array{"ServiceConfig", "EnrollmentRead"}));
    const json::value unknown{"EnrollmentReed"};
    EXPECT_FALSE(rights_from_json(&unknown));
}

TEST(Policies, KeysThatWereReadAreInNoMemoryButTheirOwn) {
    if (!test::HiddenText::can_be_searched_for) GTEST_SKIP();
    SeededRandom random(3);
    auto key = base64_encode(random.bytes(64));
    const test::HiddenText hidden(std::string_view(key).substr(40, 20));
    std::string text;
    text.reserve(1'000);
    text = R"({"policies":[{"keyName":"owner","primaryKey":")";
    text += key;
    text += R"(","secondaryKey":")";
    text += key;
    text += R"(","rights":["ServiceConfig"]}]})";
    const auto parsed = Policies::parse(text);
    ASSERT_TRUE(parsed) << parsed.error().chain();
    for (auto* own : {&key, &text}) wipe(own->data(), own->size());
    EXPECT_EQ(hidden.count(), 0);
}

// Two books on one storage, as two musterd have it.
class SharedPolicies : public ::testing::Test {
protected:
    struct Storage {
        std::string text;
        int version = 1;
        bool away = false;
    };
    struct Node {
        explicit Node(Storage& shared)
            : storage(shared),
              book(
                  *Policies::parse(shared.text), [this](const Policies& policies) { return save(policies); },
                  [this] { return load(); }) {}

        Result<> save(const Policies& policies) {
            if (before_save) before_save();
            if (storage.version != version) return fail(Errc::conflict, "changed meanwhile");
            storage.text = policies.serialize();
            version = ++storage.version;
            return {};
        }
        Result<std::optional<Policies>> load() {
            ++loads;
            if (storage.away) return fail(Errc::unavailable, "the database is away");
            if (storage.version == version) return std::nullopt;
            version = storage.version;
            MUSTER_TRY(auto policies, Policies::parse(storage.text));
            return policies;
        }
        Result<> put(const std::string& name) {
            return net::run_blocking(book.change([&](Policies& policies) -> Result<> {
                policies.put({name, new_policy_key(random), new_policy_key(random), 1});
                return {};
            }));
        }

        Storage& storage;
        int version = 1;
        int loads = 0;
        std::function<void()> before_save;
        SeededRandom random{2};
        PolicyBook book;
    };

    SeededRandom random_{1};
    Storage storage_{.text = Policies::generate(random_).serialize()};
    Node a_{storage_};
    Node b_{storage_};
};

TEST_F(SharedPolicies, WhatOneSavedTheOtherTakesIn) {
    ASSERT_TRUE(a_.put("reader"));
    EXPECT_EQ(b_.book.current()->find("reader"), nullptr);
    ASSERT_TRUE(net::run_blocking(b_.book.refresh()));
    EXPECT_NE(b_.book.current()->find("reader"), nullptr);
}

// The other has just looked, each time, and hears nothing.
TEST_F(SharedPolicies, WhatOneAnsweredIsInForceAtTheOther) {
    const auto there = [](Node& node, const std::string& name) {
        const auto newest = net::run_blocking(node.book.newest());
        EXPECT_TRUE(newest);
        return newest && (*newest)->find(name) != nullptr;
    };
    for (int i = 0; i < 2; ++i) {
        const auto name = fmt::format("reader-{}", i);
        EXPECT_FALSE(there(b_, name));
        ASSERT_TRUE(a_.put(name));
        EXPECT_TRUE(there(b_, name));
        ASSERT_TRUE(net::run_blocking(a_.book.change([&](Policies& policies) -> Result<> {
            policies.erase(name);
            return {};
        })));
        EXPECT_FALSE(there(b_, name));
    }
}

TEST_F(SharedPolicies, BusyCallersShareALook) {
    const auto ask = [&] { return net::run_blocking(b_.book.newest()).has_value(); };
    ASSERT_TRUE(ask());
    const int before = b_.loads;
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(ask());
    const auto took = std::chrono::steady_clock::now() - began;
    EXPECT_LE(b_.loads - before, took / Lookout::longest_unseen + 1);
}

TEST_F(SharedPolicies, WhoCannotLookIsNotJudgedByWhatMayBeOld) {
    storage_.away = true;
    const auto newest = net::run_blocking(b_.book.newest());
    ASSERT_FALSE(newest);
    EXPECT_EQ(newest.error().code(), Errc::unavailable);
    storage_.away = false;
    EXPECT_TRUE(net::run_blocking(b_.book.newest()));
}

TEST_F(SharedPolicies, ChangesAtBothAreBothThere) {
    ASSERT_TRUE(a_.put("from-a"));
    // B has not heard of it yet.
    ASSERT_TRUE(b_.put("from-b"));
    for (const auto* name : {"from-a", "from-b"}) {
        EXPECT_NE(b_.book.current()->find(name), nullptr) << name;
        EXPECT_NE(Policies::parse(storage_.text)->find(name), nullptr) << name;
    }
}

TEST_F(SharedPolicies, TheEditIsJudgedByWhatIsThere) {
    ASSERT_TRUE(net::run_blocking(a_.book.change([](Policies& policies) -> Result<> {
        for (const auto* name : {"owner", "device"}) policies.erase(name);
        return {};
    })));
    // To B "owner" is still there, which may change policies, too.
    const auto last = net::run_blocking(b_.book.change([](Policies& policies) -> Result<> {
        policies.erase("provisioningserviceowner");
        return {};
    }));
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().code(), Errc::conflict);
    EXPECT_NE(b_.book.current()->find("provisioningserviceowner"), nullptr);
}

TEST_F(SharedPolicies, WhoIsAlwaysOvertakenIsTold) {
    b_.before_save = [this] { ++storage_.version; };
    const auto changed = b_.put("late");
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().code(), Errc::conflict);
    EXPECT_EQ(b_.book.current()->find("late"), nullptr);
}

}  // namespace
}  // namespace muster::access
