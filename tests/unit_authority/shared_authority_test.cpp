// The authority of a service that several musterds are: one set of keys, in the store.
#include <gmock/gmock.h>
#include <openssl/x509v3.h>

#include <boost/asio/experimental/awaitable_operators.hpp>

#include <thread>

#include "authority/certificates.h"
#include "authority_fixture.h"
#include "base/owner.h"

namespace muster::authority {
namespace {

using ::testing::HasSubstr;

class SharedAuthority : public test::ServiceFixture {
protected:
    SharedAuthority() : ServiceFixture(true) {}

    static std::string why(const auto& result) { return result ? "(no error)" : result.error().chain(); }
    Result<json::object> create(Authority& authority, bool replace = false, bool new_root = false) {
        return run(authority.create({.name = "Test", .new_root = new_root}, replace, {}));
    }
    std::vector<std::string> keys() {
        std::vector<std::string> names;
        EXPECT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
            MUSTER_TRY(const auto loaded, KeyRecords::load(tx));
            names = loaded->names();
            return {};
        }));
        return names;
    }
    // The CA's certificate for a request, signed by a root elsewhere.
    static std::string sign(const std::string& csr_pem, const pki::CertificateChain& root, const pki::PrivateKey& key,
                            Random& random, TimePoint now) {
        const auto csr = *pki::Csr::from_pem(csr_pem);
        const pki::Issuer issuer{root.front(), key};
        const auto made = pki::issue({.profile = pki::Profile::intermediate_ca,
                                      .common_name = "Installed",
                                      .path_length = 1,
                                      .not_before = now,
                                      .not_after = now + std::chrono::days(100)},
                                     *csr.public_key(), &issuer, nullptr, random);
        return made->pem() + root.front().pem();
    }

    static std::uint64_t number_of(const Bytes& list) {
        const auto* next = list.data();
        const std::unique_ptr<X509_CRL, Freer<X509_CRL_free>> crl(
            d2i_X509_CRL(nullptr, &next, static_cast<long>(list.size())));
        const std::unique_ptr<ASN1_INTEGER, Freer<ASN1_INTEGER_free>> number(
            static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl.get(), NID_crl_number, nullptr, nullptr)));
        std::uint64_t value = 0;
        EXPECT_EQ(ASN1_INTEGER_get_uint64(&value, number.get()), 1);
        return value;
    }

    Authority a_{*store_, clock_, random_, directory_ / "a", {}};
    Authority b_{*store_, clock_, random_, directory_ / "b", {}};
};

TEST_F(SharedAuthority, WhatOneMakesTheOtherSignsWith) {
    ASSERT_TRUE(create(a_));
    EXPECT_EQ(b_.issuing(), nullptr);
    ASSERT_TRUE(run(b_.refresh()));
    ASSERT_NE(b_.issuing(), nullptr);
    EXPECT_EQ(b_.issuing()->fingerprint, a_.issuing()->fingerprint);
    EXPECT_EQ(*b_.issuing()->key->public_key(), *a_.issuing()->certificate().public_key());
    // No key lies about in a data directory.
    EXPECT_FALSE(std::filesystem::exists(directory_ / "a"));
    EXPECT_FALSE(std::filesystem::exists(directory_ / "b"));
    // Nor does one who starts later need any.
    Authority late(*store_, clock_, random_, directory_ / "c", {});
    ASSERT_TRUE(late.load());
    EXPECT_EQ(late.issuing()->fingerprint, a_.issuing()->fingerprint);
}

TEST_F(SharedAuthority, NobodyIsToldThatItIsOffWhileTheOtherHasJustMadeIt) {
    const auto off = run(b_.find_issuing());
    ASSERT_FALSE(off);
    EXPECT_EQ(off.error().code(), Errc::unsupported);
    ASSERT_TRUE(create(a_));
    const auto on = run(b_.find_issuing());
    ASSERT_TRUE(on) << why(on);
    EXPECT_EQ((*on)->fingerprint, a_.issuing()->fingerprint);
}

TEST_F(SharedAuthority, OfTwoThatMakeOneAtOnceOneIsTold) {
    std::vector<Result<json::object>> outcomes;
    const auto make = [&](Authority& authority) -> Task<> {
        outcomes.push_back(co_await authority.create({.name = "Test"}, false, {}));
    };
    const auto both = [&]() -> Task<> {
        using namespace boost::asio::experimental::awaitable_operators;
        co_await (make(a_) && make(b_));
    };
    run(both());
    const auto made = std::ranges::partition(outcomes, &Result<json::object>::has_value);
    ASSERT_EQ(made.size(), 1u);
    EXPECT_EQ(made.front().error().code(), Errc::conflict);
    EXPECT_EQ(keys().size(), 2u) << "a root and an issuing CA, no more";
    for (auto* authority : {&a_, &b_}) EXPECT_TRUE(run(authority->find_issuing()));
    EXPECT_EQ(b_.issuing()->fingerprint, a_.issuing()->fingerprint);
    EXPECT_THAT(why(create(b_)), HasSubstr("issues certificates already"));
}

// B has just looked, each time, and hears nothing.
TEST_F(SharedAuthority, WhatOneAnsweredIsInForceAtTheOther) {
    for (int round = 0; round < 3; ++round) {
        auto& here = round % 2 == 0 ? a_ : b_;
        auto& there = round % 2 == 0 ? b_ : a_;
        EXPECT_EQ(run(there.find_issuing()).has_value(), round > 0);
        const auto made = create(here, round > 0, round == 2);
        ASSERT_TRUE(made) << why(made);
        const auto found = run(there.find_issuing());
        ASSERT_TRUE(found) << why(found);
        EXPECT_EQ((*found)->fingerprint, here.issuing()->fingerprint);
        EXPECT_EQ(*run(there.status()), *run(here.status()));
    }
}

TEST_F(SharedAuthority, ListsOfTheOtherFollow) {
    Certificates at_a(*store_, a_, clock_);
    Certificates at_b(*store_, b_, clock_);
    ASSERT_TRUE(create(a_));
    const auto entries = [&](Certificates& certificates) {
        const auto list = run(certificates.revocation_list(a_.issuing()->id()));
        EXPECT_TRUE(list) << why(list);
        return list ? (*list)->entries : 0;
    };
    EXPECT_EQ(entries(at_b), 0u) << "of a CA that the other has just made";
    for (std::size_t i = 1; i <= 3; ++i) {
        const auto serial = fmt::format("0{}", i);
        ASSERT_TRUE(store_->transact_now([&](store::Tx& tx) {
            return tx.issued_certificates().insert({.serial = serial,
                                                    .fingerprint = "F" + serial,
                                                    .authority = a_.issuing()->fingerprint,
                                                    .subject = "CN=dev-1",
                                                    .registration_id = "dev-1",
                                                    .group_id = {},
                                                    .origin = "est",
                                                    .certificate = {},
                                                    .issued = clock_.now(),
                                                    .not_after = clock_.now() + std::chrono::days(10)});
        }));
        static_cast<void>(entries(at_b));
        const auto revoked = run(at_a.revoke(serial, pki::RevocationReason::superseded, {}));
        ASSERT_TRUE(revoked) << why(revoked);
        EXPECT_EQ(entries(at_a), i) << "at once where it was answered";
        std::this_thread::sleep_for(Lookout::longest_unseen);
        EXPECT_EQ(entries(at_b), i);
    }
}

// Whoever has a list of one takes a later one of the other for the newer (RFC 5280 5.2.3), whatever the clocks say.
TEST_F(SharedAuthority, NumbersOfListsGoOnAtTheOther) {
    ASSERT_TRUE(create(a_));
    ManualClock behind{clock_.now() - std::chrono::seconds(5)};
    Certificates at_a(*store_, a_, clock_);
    Certificates at_b(*store_, b_, behind);
    const auto next_number = [&](Certificates& certificates) {
        certificates.lists_are_outdated();
        const auto list = run(certificates.revocation_list("issuing"));
        EXPECT_TRUE(list) << why(list);
        return list ? number_of((*list)->der) : 0;
    };
    std::uint64_t last = 0;
    for (auto* certificates : {&at_a, &at_b, &at_b, &at_a, &at_b}) {
        const auto number = next_number(*certificates);
        EXPECT_GT(number, last);
        last = number;
    }
}

TEST_F(SharedAuthority, TheIssuingCaIsReplacedAtTheOther) {
    ASSERT_TRUE(create(a_));
    const auto first = a_.issuing();
    ASSERT_TRUE(run(b_.refresh()));
    const auto replaced = create(b_, true);
    ASSERT_TRUE(replaced) << why(replaced);
    EXPECT_EQ(b_.issuing()->chain.back().der(), first->chain.back().der()) << "the root that A made";
    ASSERT_TRUE(run(a_.refresh()));
    EXPECT_EQ(a_.issuing()->fingerprint, b_.issuing()->fingerprint);
    for (const auto* authority : {&a_, &b_})
        EXPECT_NE(authority->find(first->id()), nullptr) << "its list is signed on";

    ASSERT_TRUE(create(a_, true, true));
    const auto names = keys();
    EXPECT_EQ(std::ranges::count_if(names, [](const auto& name) { return name.starts_with("former-root-"); }), 1);
    ASSERT_TRUE(create(b_, true));
    EXPECT_EQ(b_.issuing()->chain.back().der(), a_.issuing()->chain.back().der()) << "below the new root";
}

TEST_F(SharedAuthority, ARequestOfOneIsInstalledAtTheOther) {
    auto root_key = *pki::PrivateKey::generate({});
    const auto root = *pki::issue({.profile = pki::Profile::root_ca,
                                   .common_name = "Elsewhere",
                                   .not_before = clock_.now(),
                                   .not_after = clock_.now() + std::chrono::days(1000)},
                                  *root_key.public_key(), nullptr, &root_key, random_);
    const auto requested = run(a_.request("Installed", {}, {}));
    ASSERT_TRUE(requested) << why(requested);
    EXPECT_EQ(run(b_.status())->at("openRequests"), 1);
    const auto chain = sign(test::text_at(*requested, "/csr"), {root}, root_key, random_, clock_.now());
    const auto installed = run(b_.install(chain, {}, {}));
    ASSERT_TRUE(installed) << why(installed);
    EXPECT_EQ(run(a_.status())->at("openRequests"), 0);
    ASSERT_TRUE(run(a_.refresh()));
    EXPECT_EQ(a_.issuing()->fingerprint, b_.issuing()->fingerprint);
}

TEST_F(SharedAuthority, NoKeyIsWrittenOverAnothers) {
    const auto open = [&] {
        std::unique_ptr<Keys> loaded;
        EXPECT_TRUE(store_->transact_now([&](store::Tx& tx) -> Result<> {
            MUSTER_TRY(loaded, KeyRecords::load(tx));
            return {};
        }));
        return loaded;
    };
    const auto save = [&](const Keys& changed) {
        return store_->transact_now([&](store::Tx& tx) { return changed.save(tx, clock_.now()); });
    };
    auto one = open();
    auto other = open();
    ASSERT_TRUE(one->write("root", "one"));
    ASSERT_TRUE(other->write("root", "other"));
    ASSERT_TRUE(save(*one));
    const auto late = save(*other);
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code(), Errc::conflict);
    EXPECT_EQ(open()->read("root")->text(), "one");

    auto moves = open();
    ASSERT_TRUE(moves->rename("root", "former-root-1"));
    EXPECT_EQ(moves->read("root").error().code(), Errc::not_found);
    ASSERT_TRUE(save(*moves));
    EXPECT_THAT(open()->names(), ::testing::ElementsAre("former-root-1"));
}

}  // namespace
}  // namespace muster::authority
