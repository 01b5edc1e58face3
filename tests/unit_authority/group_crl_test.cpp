// Revocation lists that operators give to groups.
#include "authority_fixture.h"
#include "base/text.h"

namespace muster::authority {
namespace {

using ::testing::HasSubstr;

class GroupCrlTest : public AuthorityFixture {
protected:
    GroupCrlTest() { put_group("plant", &root_.certificate); }

    std::string list(const test::Authority& by, const std::vector<pki::Certificate>& revoked,
                     std::chrono::seconds age = std::chrono::hours(1),
                     std::chrono::seconds life = std::chrono::hours(48)) {
        pki::CrlContent content{.number = 1, .this_update = clock_.now() - age};
        content.next_update = content.this_update + life;
        for (const auto& certificate : revoked)
            content.entries.push_back(
                {certificate.serial_hex(), content.this_update, pki::RevocationReason::superseded});
        return base64_encode(*pki::make_crl(content, {by.certificate, by.key}));
    }
    Result<json::object> put(json::object body) { return run(group_crls_.put("plant", std::move(body), {})); }
    // Why a device is not led to a group; empty when it is.
    std::string fault(const pki::CertificateChain& chain) {
        pki::VerifiedSignatures verified;
        const auto verdict = provisioning::judge_chain(chain, *groups_.current(), verified, clock_.now());
        return verdict.group ? "" : verdict.group_fault;
    }

    test::Authority root_ = pki_.root("Plant root");
    test::Authority intermediate_ = pki_.intermediate(root_, "Plant line 1");
    test::Authority good_ = pki_.leaf(&intermediate_, "good");
    test::Authority bad_ = pki_.leaf(&intermediate_, "bad");
};

TEST_F(GroupCrlTest, OfTheGroupsOwnCaRevokesAnIntermediate) {
    ASSERT_EQ(fault({good_.certificate, intermediate_.certificate}), "");
    const auto made = put({{"crl", list(root_, {intermediate_.certificate})}});
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(made->at("entries"), 1);
    EXPECT_THAT(fault({good_.certificate, intermediate_.certificate}),
                HasSubstr("'CN=Plant line 1' (serial " + intermediate_.certificate.serial_hex() + ") was revoked at"));
}

// What the service issues has a record, which says whom it lets in: that is no way around the list.
TEST_F(GroupCrlTest, OfTheGroupsOwnCaRevokesTheServicesIssuingCa) {
    const auto installed = run(authority_.install(pki::to_pem({intermediate_.certificate, root_.certificate}),
                                                  *intermediate_.key.to_pem(), {}));
    ASSERT_TRUE(installed) << why(installed);
    const auto first = enrol("dev-1", new_key(), {pki_.leaf(&root_, "dev-1").certificate});
    ASSERT_TRUE(first) << why(first);
    const auto next = enrol("dev-1", new_key(), {*first}, {}, true);
    ASSERT_TRUE(next) << why(next);
    ASSERT_TRUE(put({{"crl", list(root_, {intermediate_.certificate})}}));
    const auto refused = enrol("dev-1", new_key(), {*next}, {}, true);
    EXPECT_EQ(code(refused), Errc::unauthorized);
    EXPECT_THAT(why(refused), HasSubstr("'CN=Plant line 1' (serial"));
    EXPECT_THAT(fault({next.value()}), HasSubstr("was revoked"));
}

TEST_F(GroupCrlTest, OfAnIntermediateNeedsItsCertificate) {
    const auto crl = list(intermediate_, {bad_.certificate});
    EXPECT_THAT(why(put({{"crl", crl}})), HasSubstr("is not signed by a CA of this group"));
    const auto stranger = pki_.root("Stranger");
    EXPECT_THAT(why(put({{"crl", list(stranger, {})}, {"issuers", stranger.certificate.pem()}})),
                HasSubstr("do not lead to a CA of this group"));
    const auto made = put({{"crl", crl}, {"issuers", intermediate_.certificate.pem()}});
    ASSERT_TRUE(made) << why(made);
    EXPECT_EQ(fault({good_.certificate, intermediate_.certificate}), "");
    EXPECT_THAT(fault({bad_.certificate, intermediate_.certificate}), HasSubstr("(superseded) by 'CN=Plant line 1'"));

    ASSERT_TRUE(run(group_crls_.remove("plant", to_lower(test::text_at(*made, "/issuerThumbprint")), {})));
    EXPECT_EQ(fault({bad_.certificate, intermediate_.certificate}), "");
    EXPECT_EQ(code(run(group_crls_.remove("plant", "00", {}))), Errc::not_found);
}

TEST_F(GroupCrlTest, ThatHasEndedIsUsedOnUnlessItMustBeCurrent) {
    const auto crl = list(intermediate_, {bad_.certificate});
    ASSERT_TRUE(put({{"crl", crl}, {"issuers", intermediate_.certificate.pem()}}));
    clock_.advance(std::chrono::hours(72));
    EXPECT_EQ(fault({good_.certificate, intermediate_.certificate}), "");
    EXPECT_THAT(fault({bad_.certificate, intermediate_.certificate}), HasSubstr("was revoked"));
    const auto shown = run(group_crls_.list("plant"));
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->at(0).at("ended"), true);

    const json::object strict{{"crl", crl}, {"issuers", intermediate_.certificate.pem()}, {"mustBeCurrent", true}};
    EXPECT_THAT(why(put(strict)), HasSubstr("it would keep everyone out"));
    ASSERT_TRUE(put({{"crl", list(intermediate_, {bad_.certificate})},
                     {"issuers", intermediate_.certificate.pem()},
                     {"mustBeCurrent", true}}));
    EXPECT_EQ(fault({good_.certificate, intermediate_.certificate}), "");
    clock_.advance(std::chrono::hours(72));
    EXPECT_THAT(fault({good_.certificate, intermediate_.certificate}), HasSubstr("the group wants a current one"));
}

TEST_F(GroupCrlTest, NeverGoesBackAndHoldsForItsGroupAlone) {
    ASSERT_TRUE(put({{"crl", list(root_, {intermediate_.certificate})}}));
    EXPECT_EQ(code(put({{"crl", list(root_, {}, std::chrono::hours(2))}})), Errc::conflict);
    EXPECT_TRUE(put({{"crl", list(root_, {}, std::chrono::minutes(5))}}));
    EXPECT_EQ(fault({good_.certificate, intermediate_.certificate}), "");

    ASSERT_TRUE(put({{"crl", list(root_, {intermediate_.certificate}, std::chrono::seconds(0))}}));
    put_group("line-1", &intermediate_.certificate);
    EXPECT_EQ(fault({good_.certificate, intermediate_.certificate}), "") << "the nearer group has no list";
}

TEST_F(GroupCrlTest, OneThatWasStoredBeforeItsHashWasIsJudgedAsAnyOther) {
    ASSERT_TRUE(put({{"crl", list(root_, {intermediate_.certificate})}}));
    write([&](store::Tx& tx) -> Result<> {
        MUSTER_TRY(const auto heads, tx.group_crls().list_group("plant"));
        MUSTER_TRY(auto record, tx.group_crls().find("plant", heads.at(0).issuer));
        record->list_hash.clear();
        record->list_begins = {};
        return tx.group_crls().put(*record);
    });
    const auto before = groups_.current()->revocation_lists().at(0).list;
    ASSERT_TRUE(run(groups_.refresh()));
    EXPECT_EQ(&groups_.current()->revocation_lists().at(0).list.der(), &before.der()) << "it is not parsed again";
    EXPECT_EQ(code(put({{"crl", list(root_, {}, std::chrono::hours(2))}})), Errc::conflict);
    EXPECT_TRUE(put({{"crl", list(root_, {}, std::chrono::minutes(5))}}));
    EXPECT_EQ(fault({good_.certificate, intermediate_.certificate}), "");
}

TEST_F(GroupCrlTest, AListThatHasNotChangedIsNotParsedAgain) {
    ASSERT_TRUE(put({{"crl", list(root_, {intermediate_.certificate})}}));
    const auto before = groups_.current()->revocation_lists().at(0).list;
    put_group("another", &intermediate_.certificate);
    EXPECT_EQ(&groups_.current()->revocation_lists().at(0).list.der(), &before.der());
}

TEST_F(GroupCrlTest, BrokenAndFutureListsAreRefused) {
    EXPECT_THAT(why(put({{"crl", "garbage!"}})), HasSubstr("\"crl\": not a revocation list"));
    EXPECT_THAT(why(put({})), HasSubstr("crl"));
    EXPECT_THAT(why(put({{"crl", list(root_, {}, -std::chrono::hours(2))}})), HasSubstr("in the future"));
    EXPECT_EQ(code(run(group_crls_.put("nowhere", {{"crl", list(root_, {})}}, {}))), Errc::not_found);
}

}  // namespace
}  // namespace muster::authority
