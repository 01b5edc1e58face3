// What several musterds on one database agree by.
#include "musterd/shared_files.h"

#include "directory_fixture.h"
#include "musterd/server_identity.h"
#include "net/reactor.h"
#include "pki/certificate.h"
#include "store/postgres_driver.h"
#include "store/sqlite_driver.h"
#include "support/postgres_server.h"
#include "support/run_twice_driver.h"
#include "support/shared_driver.h"

namespace muster::musterd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class SharedFilesTest : public DirectoryTest {
protected:
    // One musterd: a data directory and its view of the database.
    struct Node {
        Node(store::Store& opened, const std::filesystem::path& path, std::uint64_t seed)
            : random(seed), data(*open_data_directory(path)), shared(opened, data, clock, random) {}

        Result<ServiceFiles> join(Wanted wanted = {.id_scope = {}, .host_name = "hub.example"}) {
            return shared.join(wanted);
        }

        SystemClock clock;
        SeededRandom random;
        DataDirectory data;
        SharedFiles shared;
    };

    static std::string policies_of(const ServiceFiles& files) { return files.policies.serialize(); }
    Result<> change(ServiceFiles& files, const std::string& name) {
        auto policies = files.policies.clone();
        policies.put({name, access::new_policy_key(a_.random), access::new_policy_key(a_.random), 1});
        return files.save_policies(policies);
    }

    std::unique_ptr<store::Store> open_store() {
        auto sqlite = *store::SqliteDriver::open(directory_ / "shared.db");
        return *store::Store::open(
            std::make_unique<test::SharedDriver>(std::make_unique<test::RunTwiceDriver>(std::move(sqlite))));
    }

    std::unique_ptr<store::Store> store_ = open_store();
    Node a_{*store_, directory_ / "a", 1};
    Node b_{*store_, directory_ / "b", 2};
};

TEST_F(SharedFilesTest, TheFirstMakesThemAndTheNextTakesThem) {
    const auto a = a_.join();
    ASSERT_TRUE(a) << why(a);
    EXPECT_THAT(a->news, HasSubstr("first start"));
    const auto b = b_.join();
    ASSERT_TRUE(b) << why(b);
    EXPECT_EQ(b->news, "");
    EXPECT_EQ(b->id_scope, a->id_scope);
    EXPECT_EQ(b->operation_key.text(), a->operation_key.text());
    EXPECT_EQ(b->webhook_key.text(), a->webhook_key.text());
    EXPECT_EQ(policies_of(*b), policies_of(*a));
    for (const auto* name : {"id-scope", "operation.key", "webhook.key", "access-policies.json", "server-ca.cert.pem",
                             "server-ca.key.pem"}) {
        EXPECT_EQ(content(b_.data.file(name)), content(a_.data.file(name))) << name;
        EXPECT_EQ(std::filesystem::status(b_.data.file(name)).permissions(), std::filesystem::perms(0600)) << name;
    }
    // Each has a certificate of its own, from the one CA.
    const auto of_a = *own_server_identity(a_.data, "hub.example", a_.clock, a_.random);
    const auto of_b = *own_server_identity(b_.data, "hub.example", b_.clock, b_.random);
    EXPECT_EQ(of_a.ca_pem, of_b.ca_pem);
    EXPECT_NE(of_a.chain_pem, of_b.chain_pem);
}

TEST_F(SharedFilesTest, WhatADataDirectoryHasIsTheServices) {
    write("a/id-scope", "0neMINE\n");
    write("b/id-scope", "0neMINE\n");
    write("b/operation.key", "bm90IHRoZSBvbmUgb2YgdGhlIGRhdGFiYXNlIC0tLS0=\n");
    const auto a = a_.join();
    ASSERT_TRUE(a) << why(a);
    EXPECT_EQ(a->id_scope, "0neMINE");
    ASSERT_TRUE(b_.join());
    EXPECT_EQ(content(b_.data.file("operation.key")), content(a_.data.file("operation.key")));
}

TEST_F(SharedFilesTest, ADirectoryOfAnotherServiceIsRefusedAndLeftAsItIs) {
    const auto a = a_.join();
    ASSERT_TRUE(a);
    write("b/id-scope", "0neOTHER\n");
    const auto b = b_.join();
    ASSERT_FALSE(b);
    EXPECT_EQ(b.error().code(), Errc::conflict);
    EXPECT_THAT(why(b), AllOf(HasSubstr("0neOTHER"), HasSubstr(a->id_scope), HasSubstr("empty data directory")));
    EXPECT_FALSE(b_.data.has("operation.key"));
    EXPECT_FALSE(b_.data.has("server-ca.key.pem"));

    std::filesystem::remove(b_.data.file("id-scope"));
    const auto configured = b_.join({.id_scope = "0neTHIRD", .host_name = "hub.example"});
    EXPECT_THAT(why(configured), HasSubstr("0neTHIRD"));
}

TEST_F(SharedFilesTest, AllSpeakForOneHostName) {
    ASSERT_TRUE(a_.join());
    const auto b = b_.join({.id_scope = {}, .host_name = "node-b.example"});
    ASSERT_FALSE(b);
    EXPECT_EQ(b.error().code(), Errc::conflict);
    EXPECT_THAT(why(b), AllOf(HasSubstr("node-b.example"), HasSubstr("hub.example"), HasSubstr("--take-host-name")));

    EXPECT_EQ(*b_.shared.take_host_name("new.example"), "hub.example");
    EXPECT_TRUE(b_.join({.id_scope = {}, .host_name = "new.example"}));
    EXPECT_FALSE(net::run_blocking(a_.shared.check_host_name("hub.example")));
    EXPECT_TRUE(net::run_blocking(b_.shared.check_host_name("new.example")));
}

TEST_F(SharedFilesTest, AStoreOfItsOwnIsNotLeftBehindInSilence) {
    write("a/muster.db", "records");
    const auto a = a_.join();
    ASSERT_FALSE(a);
    EXPECT_THAT(why(a), HasSubstr("--copy-to-postgresql"));
    EXPECT_FALSE(a_.data.has("id-scope"));
}

TEST_F(SharedFilesTest, AMemberDoesNotStartAloneByAccident) {
    EXPECT_TRUE(check_not_shared(a_.data));
    ASSERT_TRUE(a_.join());
    const auto alone = check_not_shared(a_.data);
    ASSERT_FALSE(alone);
    EXPECT_THAT(why(alone), HasSubstr("[store]"));
}

TEST_F(SharedFilesTest, WhatIsDamagedDoesNotGetThere) {
    write("a/access-policies.json", "{}");
    const auto a = a_.join();
    ASSERT_FALSE(a);
    EXPECT_THAT(why(a), HasSubstr("access-policies.json"));
    EXPECT_TRUE(b_.join()) << "the database is still empty";
}

TEST_F(SharedFilesTest, AnOperatorsCertificateNeedsNoCa) {
    const Wanted wanted{.id_scope = {}, .host_name = "hub.example", .own_ca = false};
    ASSERT_TRUE(a_.join(wanted));
    EXPECT_FALSE(a_.data.has("server-ca.cert.pem"));
    // One that makes its own has a CA for those to come, and the first still has no use for it.
    ASSERT_TRUE(b_.join());
    EXPECT_TRUE(b_.data.has("server-ca.cert.pem"));
    ASSERT_TRUE(a_.join(wanted));
    EXPECT_FALSE(a_.data.has("server-ca.cert.pem"));
}

TEST_F(SharedFilesTest, PoliciesAreOneSet) {
    auto a = *a_.join();
    auto b = *b_.join();
    ASSERT_TRUE(change(a, "from-a"));
    const auto late = change(b, "from-b");
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Errc::conflict);

    auto read = b.load_policies();
    ASSERT_TRUE(read && *read) << why(read);
    EXPECT_NE((*read)->find("from-a"), nullptr);
    EXPECT_EQ(content(b_.data.file("access-policies.json")), content(a_.data.file("access-policies.json")));
    EXPECT_FALSE(*b.load_policies()) << "nothing new";
    b.policies = std::move(**read);
    ASSERT_TRUE(change(b, "from-b"));
    read = a.load_policies();
    ASSERT_TRUE(read && *read);
    for (const auto* name : {"from-a", "from-b", "owner"}) EXPECT_NE((*read)->find(name), nullptr) << name;
}

TEST_F(SharedFilesTest, FirstStartsAtOnceEndWithOneSet) {
    auto* server = test::PostgresServer::get();
    if (server == nullptr) GTEST_SKIP() << test::PostgresServer::absent;
    const auto connection = server->make_database();
    constexpr int nodes = 4;
    std::array<std::string, nodes> sets;
    std::vector<std::thread> threads;
    for (int i = 0; i < nodes; ++i)
        threads.emplace_back([&, i] {
            auto driver = store::PostgresDriver::open(server->settings(connection, 2));
            ASSERT_TRUE(driver) << why(driver);
            const auto store = store::Store::open(std::move(*driver));
            ASSERT_TRUE(store) << why(store);
            Node node(**store, directory_ / fmt::format("node-{}", i), 100u + static_cast<unsigned>(i));
            const auto files = node.join();
            ASSERT_TRUE(files) << why(files);
            sets.at(static_cast<std::size_t>(i)) = files->id_scope + base64_encode(files->operation_key.bytes()) +
                                                   base64_encode(files->webhook_key.bytes()) + policies_of(*files) +
                                                   content(node.data.file("server-ca.cert.pem")) +
                                                   content(node.data.file("server-ca.key.pem"));
        });
    for (auto& thread : threads) thread.join();
    for (const auto& set : sets) EXPECT_EQ(set, sets.front());
    EXPECT_THAT(sets.front(), Not(::testing::IsEmpty()));
}

}  // namespace
}  // namespace muster::musterd
