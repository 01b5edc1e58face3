#include "authority/authority.h"

#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "authority_fixture.h"
#include "base/file.h"

namespace muster::authority {
namespace {

using ::testing::HasSubstr;

class AuthorityTest : public AuthorityFixture {
protected:
    static mode_t mode(const std::filesystem::path& path) {
        struct stat info{};
        EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
        return info.st_mode & 0777;
    }
    static std::string pem(const pki::PrivateKey& key) { return std::string(key.to_pem()->text()); }
};

TEST_F(AuthorityTest, IsOffUntilTheOperatorSaysSo) {
    EXPECT_EQ(authority_.issuing(), nullptr);
    EXPECT_EQ(run(authority_.status())->at("enabled"), false);
    const auto refused = enrol("dev-1", new_key(), {});
    EXPECT_EQ(code(refused), Errc::unsupported);
    EXPECT_THAT(why(refused), HasSubstr("not switched on"));
}

TEST_F(AuthorityTest, MakesItsOwnRootAndIssuingCa) {
    switch_on();
    const auto ca = authority_.issuing();
    ASSERT_NE(ca, nullptr);
    EXPECT_EQ(ca->certificate().common_name(), "Test issuing CA");
    EXPECT_EQ(ca->certificate().path_length(), 1);
    EXPECT_EQ(ca->chain.back().common_name(), "Test root CA");
    const auto again = run(authority_.create({.name = "Test"}, false, {}));
    EXPECT_EQ(code(again), Errc::conflict);
}

TEST_F(AuthorityTest, KeyFilesAreNobodyElses) {
    if (store_->is_shared()) GTEST_SKIP() << "the keys are in the database";
    switch_on();
    EXPECT_EQ(mode(directory_ / "authority"), 0700u);
    for (const auto& file : std::filesystem::directory_iterator(directory_ / "authority"))
        EXPECT_EQ(mode(file.path()), 0600u) << file.path();
}

TEST_F(AuthorityTest, IsThereAgainAfterARestart) {
    switch_on();
    Authority other(*store_, clock_, random_, directory_ / "authority", {});
    ASSERT_TRUE(other.load());
    ASSERT_NE(other.issuing(), nullptr);
    EXPECT_EQ(other.issuing()->fingerprint, authority_.issuing()->fingerprint);

    change_keys([&](Keys& keys) { return keys.remove(authority_.issuing()->fingerprint); });
    Authority without_key(*store_, clock_, random_, directory_ / "authority", {});
    EXPECT_THAT(why(without_key.load()), HasSubstr("cannot be used"));

    // A former one is no reason not to start.
    const auto former = authority_.issuing()->id();
    ASSERT_TRUE(run(authority_.create({.name = "Next"}, true, {})));
    Authority goes_on(*store_, clock_, random_, directory_ / "authority", {});
    ASSERT_TRUE(goes_on.load());
    EXPECT_EQ(goes_on.issuing()->fingerprint, authority_.issuing()->fingerprint);
    EXPECT_EQ(goes_on.find(former), nullptr);
}

TEST_F(AuthorityTest, ANewIssuingCaKeepsTheRootAndWhatTheOldOneIssued) {
    switch_on();
    put_group("plant");
    const auto before = authority_.issuing();
    const auto key = new_key();
    const auto first = enrol_by_password("dev-1", key, "dev-1", password("dev-1", "plant"));
    ASSERT_TRUE(first) << why(first);

    ASSERT_TRUE(run(authority_.create({.name = "Test"}, true, {})));
    const auto after = authority_.issuing();
    EXPECT_EQ(after->certificate().common_name(), "Test issuing CA 2");
    EXPECT_NE(after->fingerprint, before->fingerprint);
    EXPECT_EQ(after->chain.back().der(), before->chain.back().der());

    const auto renewed = enrol("dev-1", new_key(), {*first}, "plant", true);
    ASSERT_TRUE(renewed) << why(renewed);
    EXPECT_EQ(renewed->issuer(), after->certificate().subject());
    ASSERT_TRUE(revoke(*first));
    const auto list = run(certificates_.revocation_list(before->id()));
    ASSERT_TRUE(list);
    EXPECT_EQ((*list)->entries, 1u);
    EXPECT_EQ(published().size(), 0u);
}

TEST_F(AuthorityTest, TakesAnIssuingCaWhoseRootStaysElsewhere) {
    const auto root = pki_.root("Offline root");
    const auto issuing = pki_.intermediate(root, "Plant issuing");
    const auto chain = issuing.certificate.pem() + root.certificate.pem();
    EXPECT_THAT(why(run(authority_.install(chain, {}, {}))), HasSubstr("there is no key here for 'CN=Plant issuing'"));
    EXPECT_THAT(why(run(authority_.install(chain, Secret(pem(root.key)), {}))), HasSubstr("is not the key of"));
    EXPECT_THAT(why(run(authority_.install(issuing.certificate.pem(), Secret(pem(issuing.key)), {}))),
                HasSubstr("whose issuer 'CN=Offline root' is missing"));
    const auto leaf = pki_.leaf(&root, "dev-1");
    EXPECT_THAT(
        why(run(authority_.install(leaf.certificate.pem() + root.certificate.pem(), Secret(pem(leaf.key)), {}))),
        HasSubstr("is not a CA certificate"));

    const auto installed = run(authority_.install(chain, Secret(pem(issuing.key)), {}));
    ASSERT_TRUE(installed) << why(installed);
    EXPECT_EQ(installed->at("rootKeyIsHere"), false);
    EXPECT_EQ(authority_.issuing()->certificate().der(), issuing.certificate.der());
}

TEST_F(AuthorityTest, AsksForItsCertificateWithAKeyThatNeverLeavesIt) {
    const auto asked = run(authority_.request("Plant issuing", {}, {}));
    ASSERT_TRUE(asked) << why(asked);
    const auto csr = pki::Csr::from_pem(test::text_at(*asked, "/csr"));
    ASSERT_TRUE(csr);
    const auto root = pki_.root("Offline root");
    const pki::Issuer issuer{root.certificate, root.key};
    const auto certificate = pki::issue({.profile = pki::Profile::intermediate_ca,
                                         .common_name = csr->common_name(),
                                         .not_before = clock_.now(),
                                         .not_after = clock_.now() + std::chrono::days(10)},
                                        *csr->public_key(), &issuer, nullptr, random_);
    const auto installed = run(authority_.install(certificate->pem() + root.certificate.pem(), {}, {}));
    ASSERT_TRUE(installed) << why(installed);
    EXPECT_NE(authority_.issuing(), nullptr);
    EXPECT_EQ(installed->at("rootKeyIsHere"), false);
    EXPECT_EQ(installed->at("openRequests"), 0);

    // There and back: the keys of both are here.
    const auto refused = run(authority_.create({.name = "Own"}, true, {}));
    EXPECT_EQ(code(refused), Errc::conflict);
    EXPECT_THAT(why(refused), HasSubstr("the key of the root of 'CN=Plant issuing' is not here"));
    const auto other = run(authority_.create({.name = "Own", .new_root = true}, true, {}));
    ASSERT_TRUE(other) << why(other);
    EXPECT_EQ(other->at("rootKeyIsHere"), true);
    const auto back = run(authority_.install(certificate->pem() + root.certificate.pem(), {}, {}));
    EXPECT_TRUE(back) << why(back);
}

TEST_F(AuthorityTest, ARequestTakesNoOthersKey) {
    const auto root = pki_.root("Offline root");
    const auto sign = [&](const json::object& asked) {
        const auto csr = pki::Csr::from_pem(test::text_at(asked, "/csr"));
        const pki::Issuer issuer{root.certificate, root.key};
        return pki::issue({.profile = pki::Profile::intermediate_ca,
                           .common_name = csr->common_name(),
                           .not_before = clock_.now(),
                           .not_after = clock_.now() + std::chrono::days(10)},
                          *csr->public_key(), &issuer, nullptr, random_)
                   ->pem() +
               root.certificate.pem();
    };
    const auto first = run(authority_.request("Plant issuing", {}, {}));
    const auto second = run(authority_.request("Plant issuing", {}, {}));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(run(authority_.status())->at("openRequests"), 2);
    for (int i = 2; i < 16; ++i) ASSERT_TRUE(run(authority_.request("Plant issuing", {}, {})));
    EXPECT_THAT(why(run(authority_.request("Plant issuing", {}, {}))), HasSubstr("16 requests wait"));
    const auto late = run(authority_.install(sign(*first), {}, {}));
    ASSERT_TRUE(late) << why(late);
    EXPECT_EQ(late->at("openRequests"), 15);
    EXPECT_TRUE(run(authority_.install(sign(*second), {}, {})));
}

TEST_F(AuthorityTest, ARootWhoseKeyIsGoneIsReplacedByNoneInSilence) {
    switch_on();
    const auto before = authority_.issuing()->chain.back();
    change_keys([](Keys& keys) { return keys.rename("root", "kept"); });
    EXPECT_EQ(code(run(authority_.create({.name = "Test"}, true, {}))), Errc::conflict);
    change_keys([](Keys& keys) -> Result<> {
        EXPECT_EQ(keys.read("root").error().code(), Errc::not_found);
        return keys.rename("kept", "root");
    });
    ASSERT_TRUE(run(authority_.create({.name = "Test"}, true, {})));
    EXPECT_EQ(authority_.issuing()->chain.back().der(), before.der());

    ASSERT_TRUE(run(authority_.create({.name = "Test", .new_root = true}, true, {})));
    EXPECT_NE(authority_.issuing()->chain.back().der(), before.der());
    change_keys([](Keys& keys) -> Result<> {
        const auto names = keys.names();
        const auto former = [](const auto& name) { return name.starts_with("former-root-"); };
        EXPECT_EQ(std::ranges::count_if(names, former), 1) << "the former root's key stays";
        return {};
    });
}

// Key files are there before the record of their CA; when that cannot be written, they are of no CA.
TEST_F(AuthorityTest, ARootThatWasNeverRecordedDoesNotReplaceTheOneInForce) {
    switch_on();
    const auto root = authority_.issuing()->chain.back();
    auto driver = std::make_unique<test::FullDisk>(open_again());
    auto& disk = *driver;
    const auto opened = store::Store::open(std::move(driver));
    ASSERT_TRUE(opened) << why(opened);
    Authority authority(**opened, clock_, random_, directory_ / "authority", {});
    ASSERT_TRUE(authority.load());
    disk.full = true;
    EXPECT_EQ(code(run(authority.create({.name = "Test", .new_root = true}, true, {}))), Errc::io);
    EXPECT_EQ(code(run(authority.create({.name = "Test", .new_root = true}, true, {}))), Errc::io);
    EXPECT_EQ(authority.issuing()->chain.back().der(), root.der());
    disk.full = false;
    const auto made = run(authority.create({.name = "Test"}, true, {}));
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(authority.issuing()->chain.back().der(), root.der());
    EXPECT_EQ(made->at("rootKeyIsHere"), true);
}

TEST_F(AuthorityTest, IssuesForClientAuthenticationWithinBounds) {
    switch_on();
    put_group("plant");
    const auto key = new_key();
    const auto made = enrol_by_password("dev-1", key, "dev-1", password("dev-1", "plant"));
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(made->subject(), "CN=dev-1");
    EXPECT_FALSE(made->is_ca());
    EXPECT_EQ(*made->public_key(), *key.public_key());
    EXPECT_EQ(X509_get_extended_key_usage(made->get()), static_cast<std::uint32_t>(XKU_SSL_CLIENT));
    EXPECT_EQ(X509_get_key_usage(made->get()), static_cast<std::uint32_t>(KU_DIGITAL_SIGNATURE));
    EXPECT_EQ(made->not_after(), std::chrono::floor<std::chrono::seconds>(clock_.now() + std::chrono::days(90)));

    // No later than the issuing CA itself.
    clock_.advance(std::chrono::days(1825 - 10));
    const auto late = enrol_by_password("dev-2", key, "dev-2", password("dev-2", "plant"));
    ASSERT_TRUE(late) << why(late);
    EXPECT_EQ(late->not_after(), authority_.issuing()->certificate().not_after());
    clock_.advance(std::chrono::days(11));
    EXPECT_THAT(why(enrol_by_password("dev-3", key, "dev-3", password("dev-3", "plant"))), HasSubstr("expired at"));
}

TEST_F(AuthorityTest, ListsPageByPageAndByWhatIsAskedFor) {
    switch_on();
    put_group("plant");
    put_group("ship");
    const auto key = new_key();
    for (const auto& [device, group] : {std::pair("a", "plant"), std::pair("b", "plant"), std::pair("c", "ship")})
        ASSERT_TRUE(enrol_by_password(device, key, device, password(device, group)));
    const auto count = [&](CertificateFilter filter) {
        std::size_t total = 0;
        std::string place;
        do {
            const auto page = run(certificates_.list(filter, place, 1));
            EXPECT_TRUE(page) << why(page);
            if (!page) return total;
            total += page->items.size();
            place = page->continuation;
        } while (!place.empty());
        return total;
    };
    EXPECT_EQ(count({}), 3u);
    EXPECT_EQ(count({.group_id = "PLANT"}), 2u);
    EXPECT_EQ(count({.registration_id = "C"}), 1u);
    EXPECT_EQ(count({.revoked_only = true}), 0u);
}

TEST_F(AuthorityTest, PublishesWhatItRevoked) {
    switch_on();
    put_group("plant");
    const auto first = enrol_by_password("dev-1", new_key(), "dev-1", password("dev-1", "plant"));
    ASSERT_TRUE(first);
    const auto empty = published();
    EXPECT_EQ(empty.size(), 0u);
    EXPECT_TRUE(empty.check_signed_by(authority_.issuing()->certificate()));

    const auto revoked = revoke(*first);
    ASSERT_TRUE(revoked) << why(revoked);
    EXPECT_EQ(revoked->at("status"), "revoked");
    EXPECT_EQ(code(revoke(*first)), Errc::conflict);
    const auto list = published();
    const auto entry = list.find(first->serial_hex());
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->reason, pki::RevocationReason::key_compromise);
    EXPECT_EQ(*list.next_update(), std::chrono::floor<std::chrono::seconds>(clock_.now() + std::chrono::days(7)));

    EXPECT_EQ(code(run(certificates_.revoke("00", pki::RevocationReason::unspecified, {}))), Errc::not_found);
    EXPECT_EQ(code(run(certificates_.revocation_list("0123456789abcdef"))), Errc::not_found);
}

TEST_F(AuthorityTest, WhatAnotherMusterdRevokedIsInTheNextList) {
    switch_on();
    put_group("plant");
    const auto made = enrol_by_password("dev-1", new_key(), "dev-1", password("dev-1", "plant"));
    ASSERT_TRUE(made);
    Certificates another(*store_, authority_, clock_);
    EXPECT_EQ(published().size(), 0u);
    ASSERT_TRUE(run(another.revoke(made->serial_hex(), pki::RevocationReason::superseded, {})));
    if (!store_->is_shared()) EXPECT_EQ(published().size(), 0u) << "nobody has told it yet";
    certificates_.lists_are_outdated();
    EXPECT_EQ(published().size(), 1u);
    const auto list = run(certificates_.revocation_list("issuing"));
    EXPECT_EQ(*run(certificates_.revocation_list("issuing")), *list) << "not made anew every time";
}

TEST_F(AuthorityTest, TheRevocationListIsMadeAnewInTimeAndNotEveryTime) {
    switch_on();
    const auto first = run(certificates_.revocation_list("issuing"));
    clock_.advance(std::chrono::days(3));
    EXPECT_EQ(*run(certificates_.revocation_list("issuing")), *first);
    clock_.advance(std::chrono::days(1));
    const auto second = run(certificates_.revocation_list("issuing"));
    EXPECT_NE(*second, *first);
    EXPECT_EQ((*second)->next_update, clock_.now() + std::chrono::days(7));
}

}  // namespace
}  // namespace muster::authority
