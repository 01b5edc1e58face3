// TPM attestation, with TPMs whose private keys these tests hold.
#include <gmock/gmock.h>

#include "provisioning/attestation_tpm.h"
#include "provisioning_fixture.h"
#include "support/tpm_holder.h"

namespace muster::provisioning {
namespace {

using ::testing::HasSubstr;
using wire::tpm::test::Holder;
namespace shape = wire::tpm::test;

// The making of RSA keys is slow; no test changes them.
struct Tpm {
    Holder endorsement = Holder::rsa(shape::endorsement_attributes);
    Holder storage = Holder::rsa(shape::storage_attributes);
};
const Tpm& first_tpm() {
    static const Tpm tpm;
    return tpm;
}
const Tpm& second_tpm() {
    static const Tpm tpm;
    return tpm;
}

class TpmAttestation : public ProvisioningFixture {
protected:
    static std::string key_text(const Holder& holder) { return base64_encode(holder.shown.tpm2b()); }

    Result<json::object> enroll(const std::string& id, const Tpm& tpm, json::object rest = {}) {
        rest["attestation"] = {{"type", "tpm"}, {"tpm", {{"endorsementKey", key_text(tpm.endorsement)}}}};
        return put(EnrollmentKind::individual, id, std::move(rest));
    }
    static TpmKeys keys_of(const Holder& endorsement, const Holder& storage) {
        return {endorsement.shown, storage.shown};
    }
    Result<Bytes> challenge(const std::string& id, const Tpm& tpm) {
        return run(registrations_.challenge_tpm(request(id, {}), keys_of(tpm.endorsement, tpm.storage)));
    }
    DeviceRequest signed_request(const std::string& id, const Bytes& key,
                                 std::chrono::seconds life = std::chrono::seconds(3600)) {
        auto out = request(id, {});
        out.authorization = wire::make_sas("0ne1/registrations/" + id, key, "registration", clock_.now() + life);
        return out;
    }
    Result<json::object> answer(const std::string& id, const Bytes& key) {
        return run(registrations_.register_device(signed_request(id, key), {}));
    }
    Bytes taken(const Tpm& tpm, const Result<Bytes>& blob) {
        EXPECT_TRUE(blob) << why(blob);
        return blob ? shape::take_in(tpm.endorsement, tpm.storage, *blob) : Bytes();
    }
    std::string hub_key(const std::string& device) {
        const auto identity = run(store_->read([&](store::Tx& tx) { return tx.identities().find(device); }));
        return identity && *identity ? (*identity)->primary_key : "";
    }
    std::size_t rows(const std::string& id) {
        return run(store_->read([&](store::Tx& tx) { return tx.tpm_keys().list(id); }))->size();
    }
};

TEST_F(TpmAttestation, IsChallengedAnswersAndGetsTheHubsKey) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    const auto accepted = answer("press-7", key);
    ASSERT_TRUE(accepted) << why(accepted);
    const auto done =
        run(registrations_.operation_status(signed_request("press-7", key), test::text_at(*accepted, "/operationId")));
    ASSERT_TRUE(done) << why(done);
    EXPECT_EQ(test::text_at(*done, "/status"), "assigned");
    const auto blob = base64_decode(test::text_at(*done, "/registrationState/tpm/authenticationKey"));
    ASSERT_TRUE(blob);
    EXPECT_EQ(base64_encode(shape::take_in(first_tpm().endorsement, first_tpm().storage, *blob)), hub_key("press-7"));
    const auto looked_up = run(registrations_.lookup(signed_request("press-7", key)));
    EXPECT_NE(test::text_at(*looked_up, "/tpm/authenticationKey"), "");
}

TEST_F(TpmAttestation, KeepsTheHubsKeyWhileTheTpmStaysTheSame) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    ASSERT_TRUE(answer("press-7", taken(first_tpm(), challenge("press-7", first_tpm()))));
    const auto key = hub_key("press-7");
    ASSERT_TRUE(enroll("press-7", first_tpm(), {{"deviceId", "press-7"}}));  // a change that is none of the TPM's
    ASSERT_TRUE(answer("press-7", taken(first_tpm(), challenge("press-7", first_tpm()))));
    EXPECT_EQ(hub_key("press-7"), key);
    ASSERT_TRUE(enroll("press-7", second_tpm()));
    EXPECT_EQ(number(challenge("press-7", first_tpm())), code::unauthorized);
    ASSERT_TRUE(answer("press-7", taken(second_tpm(), challenge("press-7", second_tpm()))));
    EXPECT_NE(hub_key("press-7"), key);
    EXPECT_EQ(rows("press-7"), 1U);
}

TEST_F(TpmAttestation, AChallengeCountsForTenToTwentyMinutes) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    clock_.advance(std::chrono::minutes(9));
    EXPECT_TRUE(answer("press-7", key));
    EXPECT_TRUE(answer("press-7", key));  // as often as it likes
    clock_.advance(std::chrono::minutes(12));
    EXPECT_EQ(number(answer("press-7", key)), code::unauthorized);
    EXPECT_TRUE(answer("press-7", taken(first_tpm(), challenge("press-7", first_tpm()))));
}

TEST_F(TpmAttestation, AQueryOfTheOperationHasTimeAsAnyOther) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    const auto operation = test::text_at(*answer("press-7", key), "/operationId");
    const auto token = signed_request("press-7", key);
    clock_.advance(std::chrono::minutes(45));
    EXPECT_TRUE(run(registrations_.operation_status(token, operation)));
    clock_.advance(std::chrono::minutes(120));
    EXPECT_EQ(number(run(registrations_.operation_status(token, operation))), code::unauthorized);
}

TEST_F(TpmAttestation, AnAnswerIsForOneRegistrationAndOneTpm) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    ASSERT_TRUE(enroll("press-8", first_tpm()));
    ASSERT_TRUE(enroll("press-9", second_tpm()));
    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    EXPECT_EQ(number(answer("press-8", key)), code::unauthorized);
    EXPECT_EQ(number(answer("press-9", key)), code::unauthorized);
    EXPECT_EQ(number(answer("press-7", Bytes(32, 1))), code::unauthorized);
    EXPECT_EQ(number(answer("press-7", *base64_decode("AAAA"))), code::unauthorized);
    EXPECT_TRUE(answer("press-7", key));
    // The key that the hub knows is no answer.
    EXPECT_EQ(number(answer("press-7", *base64_decode(hub_key("press-7")))), code::unauthorized);
}

TEST_F(TpmAttestation, StrangersAreToldNothing) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    ASSERT_TRUE(put_individual("by-certificate", pki_.leaf(nullptr, "by-certificate").certificate));
    const auto stranger = challenge("press-7", second_tpm());
    const auto unknown = challenge("nobody", second_tpm());
    const auto other_kind = challenge("by-certificate", second_tpm());
    EXPECT_EQ(number(stranger), code::unauthorized);
    EXPECT_EQ(why(stranger), why(unknown));
    EXPECT_EQ(why(stranger), why(other_kind));
    EXPECT_EQ(rows("press-7"), 0U);
    auto elsewhere = request("press-7", {});
    elsewhere.scope = "0ne2";
    EXPECT_EQ(
        number(run(registrations_.challenge_tpm(elsewhere, keys_of(first_tpm().endorsement, first_tpm().storage)))),
        code::not_found);
}

TEST_F(TpmAttestation, WhatIsRememberedOfTpmsIsBounded) {
    ASSERT_TRUE(enroll("press-7", first_tpm()));
    ASSERT_TRUE(answer("press-7", taken(first_tpm(), challenge("press-7", first_tpm()))));
    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    for (int i = 0; i < 12; ++i) {
        clock_.advance(std::chrono::seconds(1));
        const auto storage = Holder::ecc(shape::storage_attributes, false);
        EXPECT_TRUE(
            run(registrations_.challenge_tpm(request("press-7", {}), keys_of(first_tpm().endorsement, storage))));
    }
    EXPECT_EQ(rows("press-7"), 1U + store::TpmKeyTable::max_unproven);
    // One that has proved itself is not pushed out.
    EXPECT_TRUE(answer("press-7", key));
    EXPECT_EQ(rows("press-7"), 1U);
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::individual, "press-7", std::nullopt, {})));
    EXPECT_EQ(rows("press-7"), 0U);
}

TEST_F(TpmAttestation, ADisabledEnrollmentEndsDisabled) {
    ASSERT_TRUE(enroll("press-7", first_tpm(), {{"provisioningStatus", "disabled"}}));
    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    const auto accepted = answer("press-7", key);
    ASSERT_TRUE(accepted) << why(accepted);
    const auto done =
        run(registrations_.operation_status(signed_request("press-7", key), test::text_at(*accepted, "/operationId")));
    EXPECT_EQ(test::text_at(*done, "/status"), "disabled");
    EXPECT_FALSE(done->at("registrationState").as_object().contains("tpm"));
    EXPECT_EQ(hub_key("press-7"), "");
}

// What registering would come to, as far as the endorsement key tells.
TEST_F(TpmAttestation, IsTriedByItsEndorsementKey) {
    const auto tried = [&](const std::string& id, const Tpm& tpm) {
        auto result = run(registrations_.explain_tpm(request(id, {}), key_text(tpm.endorsement)));
        EXPECT_TRUE(result) << why(result);
        return json::value(result ? std::move(*result) : json::object());
    };
    const auto said = [](const json::value& result) { return json::serialize(result.at("checks")); };
    const auto nobody = tried("press-7", first_tpm());
    EXPECT_EQ(test::text_at(nobody, "/outcome"), "refused");
    EXPECT_THAT(said(nobody), HasSubstr("there is none of this registration id"));

    ASSERT_TRUE(enroll("press-7", first_tpm(), {{"deviceId", "press"}}));
    const auto good = tried("press-7", first_tpm());
    EXPECT_EQ(test::text_at(good, "/outcome"), "registered");
    EXPECT_EQ(test::text_at(good, "/deviceId"), "press");
    EXPECT_THAT(said(good), HasSubstr("no TPM has asked for a challenge"));
    EXPECT_EQ(rows("press-7"), 0U) << "nothing is done";
    const auto other = tried("press-7", second_tpm());
    EXPECT_EQ(test::text_at(other, "/outcome"), "refused");
    EXPECT_THAT(said(other), HasSubstr("holds another endorsement key (SHA-256"));

    const auto key = taken(first_tpm(), challenge("press-7", first_tpm()));
    EXPECT_THAT(said(tried("press-7", first_tpm())), HasSubstr("has not answered yet"));
    ASSERT_TRUE(answer("press-7", key));
    EXPECT_THAT(said(tried("press-7", first_tpm())), HasSubstr("it has proved itself"));

    ASSERT_TRUE(enroll("press-7", first_tpm(), {{"provisioningStatus", "disabled"}}));
    EXPECT_EQ(test::text_at(tried("press-7", first_tpm()), "/outcome"), "disabled");
    ASSERT_TRUE(put_individual("by-certificate", pki_.leaf(nullptr, "by-certificate").certificate));
    EXPECT_THAT(said(tried("by-certificate", first_tpm())), HasSubstr("attests by x509, not by TPM"));
    EXPECT_EQ(number(run(registrations_.explain_tpm(request("press-7", {}), "AAAA"))), code::invalid_body);
}

TEST_F(TpmAttestation, KeysThatAreNoneAreNamed) {
    const auto parse = [](json::object tpm) { return TpmKeys::from_json({{"tpm", std::move(tpm)}}); };
    const auto good = key_text(first_tpm().storage);
    EXPECT_THAT(why(parse({{"endorsementKey", "AAAA"}, {"storageRootKey", good}})), HasSubstr("tpm.endorsementKey"));
    EXPECT_THAT(why(parse({{"endorsementKey", good}, {"storageRootKey", "!"}})), HasSubstr("tpm.storageRootKey"));
    EXPECT_EQ(number(parse({{"endorsementKey", good}})), code::invalid_body);
    EXPECT_FALSE(TpmKeys::from_json({{"tpm", "text"}}));
    EXPECT_FALSE(*TpmKeys::from_json({{"registrationId", "x"}}));
    EXPECT_TRUE(TpmKeys::from_bytes(first_tpm().endorsement.shown.tpm2b(), first_tpm().storage.shown.tpm2b()));
}

}  // namespace
}  // namespace muster::provisioning
