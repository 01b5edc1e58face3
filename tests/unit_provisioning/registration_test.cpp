#include "provisioning/operation_id.h"
#include "provisioning_fixture.h"

namespace muster::provisioning {
namespace {

using test::object;
using test::text_at;

class RegistrationTest : public ProvisioningFixture {
protected:
    const test::Authority root_ = pki_.root();
    const test::Authority first_ = pki_.intermediate(root_, "First intermediate");
    const test::Authority second_ = pki_.intermediate(first_, "Second intermediate");
    const test::Authority leaf_ = pki_.leaf(&second_, "dev1");
    const pki::CertificateChain chain_{leaf_.certificate, second_.certificate, first_.certificate};

    std::string registration(std::string_view pointer, std::string id = "dev1") {
        const auto state = run(enrollments_.get_registration(std::move(id)));
        return state ? text_at(*state, pointer) : "(none)";
    }
};

TEST_F(RegistrationTest, AGroupTakesADeviceInAndTheHubKnowsIt) {
    ASSERT_TRUE(put_group("plant", root_.certificate,
                          object(R"({"capabilities":{"iotEdge":true},"initialTwin":{"tags":{"site":"a"}}})")));
    const auto state = outcome("dev1", chain_);
    EXPECT_EQ(status(state), "assigned") << json::serialize(state);
    EXPECT_EQ(text_at(state, "/assignedHub"), "hub.example");
    EXPECT_EQ(text_at(state, "/deviceId"), "dev1");
    EXPECT_EQ(text_at(state, "/substatus"), "initialAssignment");
    EXPECT_EQ(text_at(state, "/x509/enrollmentGroupId"), "plant");
    for (const auto* shared : {"/etag", "/createdDateTimeUtc", "/lastUpdatedDateTimeUtc", "/assignedHub"})
        EXPECT_EQ(text_at(state, shared), registration(shared)) << shared;

    const json::value device = *run(registry_.get_device("dev1"));
    EXPECT_EQ(text_at(device, "/authentication/type"), "selfSigned");
    EXPECT_EQ(text_at(device, "/authentication/x509Thumbprint/primaryThumbprint"),
              leaf_.certificate.sha256_thumbprint());
    EXPECT_EQ(text_at(device, "/capabilities/iotEdge"), "true");
    EXPECT_EQ(text_at(*run(registry_.get_twin("dev1", "")), "/tags/site"), "a");
    EXPECT_EQ(run(enrollments_.query_registrations("plant", {}))->items.size(), 1u);
}

TEST_F(RegistrationTest, AnIndividualEnrollmentTakesEitherLeafAndTheHubFollows) {
    const auto old_leaf = pki_.leaf(nullptr, "dev1");
    const auto new_leaf = pki_.leaf(nullptr, "dev1");
    ASSERT_TRUE(put(EnrollmentKind::individual, "dev1",
                    {{"deviceId", "machine-7"},
                     {"attestation",
                      {{"type", "x509"},
                       {"x509",
                        {{"clientCertificates",
                          {{"primary", {{"certificate", old_leaf.certificate.pem()}}},
                           {"secondary", {{"certificate", new_leaf.certificate.pem()}}}}}}}}}}));
    for (const auto* leaf : {&old_leaf, &new_leaf}) {
        const auto state = outcome("dev1", {leaf->certificate});
        EXPECT_EQ(status(state), "assigned") << json::serialize(state);
        EXPECT_EQ(text_at(state, "/deviceId"), "machine-7");
        EXPECT_EQ(text_at(state, "/x509"), "{}");
        EXPECT_EQ(text_at(*run(registry_.get_device("machine-7")), "/authentication/x509Thumbprint/primaryThumbprint"),
                  leaf->certificate.sha256_thumbprint());
    }
    EXPECT_EQ(text_at(*run(enrollments_.get(EnrollmentKind::individual, "dev1")), "/registrationState/status"),
              "assigned");
}

TEST_F(RegistrationTest, TheNearestGroupDecides) {
    ASSERT_TRUE(put_group("at-root", root_.certificate));
    ASSERT_TRUE(put_group("at-second", second_.certificate, object(R"({"provisioningStatus":"disabled"})")));
    EXPECT_EQ(status(outcome("dev1", chain_)), "disabled");
    EXPECT_EQ(registration("/status"), "disabled");
    EXPECT_FALSE(run(registry_.get_device("dev1")));
    // Deleting the group that blocks lets the one above decide.
    ASSERT_TRUE(run(enrollments_.remove(EnrollmentKind::group, "at-second", std::nullopt)));
    EXPECT_EQ(text_at(outcome("dev1", chain_), "/x509/enrollmentGroupId"), "at-root");
}

TEST_F(RegistrationTest, APartialChainEndsAtTheIntermediateThatIsEnrolled) {
    ASSERT_TRUE(put_group("at-first", first_.certificate));
    EXPECT_EQ(status(outcome("dev1", {leaf_.certificate, second_.certificate})), "assigned");
    const auto missing = register_with("dev1", {leaf_.certificate});
    EXPECT_EQ(number(missing), code::unauthorized);
    EXPECT_NE(why(missing).find("Second intermediate"), std::string::npos) << why(missing);
}

TEST_F(RegistrationTest, TheCommonNameIsTheRegistrationIdWithoutCase) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    EXPECT_EQ(status(outcome("DEV1", chain_)), "assigned");
    const auto other = register_with("dev2", chain_);
    EXPECT_EQ(number(other), code::unauthorized);
    EXPECT_NE(why(other).find("'dev1'"), std::string::npos);
}

TEST_F(RegistrationTest, BadChainsAreRefusedWithTheirReason) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto expired = pki_.issue({.profile = pki::Profile::client,
                                     .common_name = "dev1",
                                     .not_before = clock_.now() - std::chrono::days(9),
                                     .not_after = clock_.now() - std::chrono::days(1)},
                                    &root_);
    const auto future = pki_.issue(
        {.profile = pki::Profile::client, .common_name = "dev1", .not_before = clock_.now() + std::chrono::days(1)},
        &root_);
    const auto server =
        pki_.issue({.profile = pki::Profile::server, .common_name = "dev1", .dns_names = {"dev1"}}, &root_);
    const auto look_alike_root = pki_.root();
    const auto look_alike = pki_.leaf(&look_alike_root, "dev1");
    const auto self_signed = pki_.leaf(nullptr, "dev1");
    struct Case {
        const pki::Certificate& leaf;
        std::string_view mentions;
    };
    for (const auto& [leaf, mentions] :
         {Case{expired.certificate, "expired"}, Case{future.certificate, "not valid before"},
          Case{server.certificate, "clientAuth"}, Case{look_alike.certificate, "Test root"},
          Case{self_signed.certificate, "dev1"}}) {
        const auto refused = register_with("dev1", {leaf});
        EXPECT_EQ(number(refused), code::unauthorized);
        EXPECT_NE(why(refused).find(mentions), std::string::npos) << why(refused);
    }
    EXPECT_EQ(registration("/status"), "(none)");
    EXPECT_EQ(number(register_with("dev1", {})), code::unauthorized);
}

// Whoever does not hold a credential hears the same whether the id is enrolled or not.
TEST_F(RegistrationTest, StrangersLearnNothing) {
    ASSERT_TRUE(put_individual("dev1", leaf_.certificate));
    ASSERT_TRUE(put_individual("off", leaf_.certificate, object(R"({"provisioningStatus":"disabled"})")));
    const auto refusal = [&](std::string id) {
        const auto stranger = pki_.leaf(nullptr, id);
        auto text = why(register_with(id, {stranger.certificate}));
        for (std::size_t at = text.find(id); at != std::string::npos; at = text.find(id))
            text.replace(at, id.size(), "*");
        return text;
    };
    EXPECT_EQ(refusal("dev1"), refusal("nobody"));
    EXPECT_EQ(refusal("off"), refusal("nobody"));
}

TEST_F(RegistrationTest, AnIndividualEnrollmentOutranksTheGroup) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto own = pki_.leaf(nullptr, "dev1");
    ASSERT_TRUE(put_individual("dev1", own.certificate));
    const auto refused = register_with("dev1", chain_);
    EXPECT_EQ(number(refused), code::unauthorized);
    EXPECT_NE(why(refused).find("another certificate"), std::string::npos) << why(refused);
    // Disabled, it blocks the device whatever it attests by; others of the group go on.
    ASSERT_TRUE(put(EnrollmentKind::individual, "dev1",
                    object(R"({"attestation":{"type":"symmetricKey"},"provisioningStatus":"disabled"})")));
    EXPECT_EQ(status(outcome("dev1", chain_)), "disabled");
    const auto other = pki_.leaf(&second_, "dev2");
    EXPECT_EQ(status(outcome("dev2", {other.certificate, second_.certificate, first_.certificate})), "assigned");
}

TEST_F(RegistrationTest, ACaReferenceCountsOnceItIsVerified) {
    json::object upload{{"certificate", root_.certificate.pem()}};
    ASSERT_TRUE(run(certificates_.put("plant-root", upload, std::nullopt)));
    ASSERT_TRUE(put(EnrollmentKind::group, "plant",
                    {{"attestation", {{"type", "x509"}, {"x509", {{"caReferences", {{"primary", "plant-root"}}}}}}}}));
    const auto unverified = register_with("dev1", chain_);
    EXPECT_EQ(number(unverified), code::unauthorized);
    EXPECT_NE(why(unverified).find("not verified"), std::string::npos) << why(unverified);
    upload["isVerified"] = true;
    ASSERT_TRUE(run(certificates_.put("plant-root", upload, std::nullopt)));
    EXPECT_EQ(status(outcome("dev1", chain_)), "assigned");
}

TEST_F(RegistrationTest, AnUnverifiedCaIsNamedBesideATrustedOneOfTheSameName) {
    ASSERT_TRUE(put_group("others", pki_.root().certificate));
    json::object upload{{"certificate", root_.certificate.pem()}};
    ASSERT_TRUE(run(certificates_.put("plant-root", upload, std::nullopt)));
    ASSERT_TRUE(put(EnrollmentKind::group, "plant",
                    {{"attestation", {{"type", "x509"}, {"x509", {{"caReferences", {{"primary", "plant-root"}}}}}}}}));
    const auto unverified = register_with("dev1", chain_);
    EXPECT_NE(why(unverified).find("'plant-root' of group 'plant' would fit but is not verified"), std::string::npos)
        << why(unverified);
    EXPECT_EQ(unverified.error().hint(), "muster ca-certificate verification-code plant-root, then verify");
    // A trusted look-alike of the intermediate is no reason to stop there.
    ASSERT_TRUE(put_group("more", pki_.intermediate(root_, "Second intermediate").certificate));
    const auto above = register_with("dev1", chain_);
    EXPECT_NE(why(above).find("'plant-root' of group 'plant' would fit"), std::string::npos) << why(above);
    // The name alone is not enough.
    const auto stranger = pki_.root();
    const auto foreign = register_with("dev1", {pki_.leaf(&stranger, "dev1").certificate});
    EXPECT_EQ(why(foreign).find("would fit"), std::string::npos) << why(foreign);
}

TEST_F(RegistrationTest, RegisteringAgainFollowsTheReprovisionPolicy) {
    const auto twin_tag = [&] { return text_at(*run(registry_.get_twin("dev1", "")), "/tags/site"); };
    const auto group = [&](std::string_view site, bool update, bool migrate) {
        return put_group("plant", root_.certificate,
                         {{"initialTwin", {{"tags", {{"site", site}}}}},
                          {"reprovisionPolicy", {{"updateHubAssignment", update}, {"migrateDeviceData", migrate}}}});
    };
    ASSERT_TRUE(group("a", true, true));
    ASSERT_EQ(status(outcome("dev1", chain_)), "assigned");
    ASSERT_TRUE(group("b", true, true));
    EXPECT_EQ(text_at(outcome("dev1", chain_), "/substatus"), "initialAssignment");
    EXPECT_EQ(registration("/substatus"), "reprovisionedToInitialAssignment");
    EXPECT_EQ(twin_tag(), "a");
    ASSERT_TRUE(group("c", false, false));
    ASSERT_EQ(status(outcome("dev1", chain_)), "assigned");
    EXPECT_EQ(twin_tag(), "a");
    ASSERT_TRUE(group("d", true, false));
    ASSERT_EQ(status(outcome("dev1", chain_)), "assigned");
    EXPECT_EQ(twin_tag(), "d");
}

TEST_F(RegistrationTest, WhatTheHubRefusesEndsAsFailed) {
    ASSERT_TRUE(run(registry_.put_device("dev1", object(R"({"capabilities":{"iotEdge":true}})"), std::nullopt)));
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto state = outcome("dev1", chain_);
    EXPECT_EQ(status(state), "failed");
    EXPECT_EQ(text_at(state, "/errorCode"), std::to_string(code::hub_refused));
    EXPECT_NE(text_at(state, "/errorMessage").find("IoT Edge"), std::string::npos);
    EXPECT_EQ(registration("/status"), "failed");
}

TEST_F(RegistrationTest, AnOperationBelongsToItsDevice) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto accepted = register_with("dev1", chain_);
    const auto operation = text_at(*accepted, "/operationId");
    EXPECT_TRUE(run(registrations_.operation_status(request("dev1", chain_), operation)));
    EXPECT_TRUE(run(registrations_.operation_status(request("dev1", chain_), operation)));
    const auto other = pki_.leaf(&second_, "dev2");
    EXPECT_EQ(number(run(registrations_.operation_status(request("dev2", {other.certificate}), operation))),
              code::not_found);
    const auto imitation = pki_.leaf(nullptr, "dev1");
    EXPECT_EQ(number(run(registrations_.operation_status(request("dev1", {imitation.certificate}), operation))),
              code::not_found);
    EXPECT_EQ(
        number(run(registrations_.operation_status(request("dev1", chain_), "4.0000000000000000." + random_.guid()))),
        code::not_found);
    EXPECT_EQ(number(run(registrations_.operation_status(request("dev1", {}), operation))), code::unauthorized);
}

TEST_F(RegistrationTest, TheDeviceMayLookItselfUp) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    EXPECT_EQ(number(run(registrations_.lookup(request("dev1", chain_)))), code::not_found);
    ASSERT_TRUE(register_with("dev1", chain_));
    const auto found = run(registrations_.lookup(request("dev1", chain_)));
    ASSERT_TRUE(found) << why(found);
    EXPECT_EQ(text_at(*found, "/status"), "assigned");
    const auto imitation = pki_.leaf(nullptr, "dev1");
    EXPECT_EQ(number(run(registrations_.lookup(request("dev1", {imitation.certificate})))), code::unauthorized);
    ASSERT_TRUE(run(enrollments_.remove_registration("dev1", std::nullopt)));
    EXPECT_EQ(number(run(registrations_.lookup(request("dev1", chain_)))), code::not_found);
}

TEST_F(RegistrationTest, RequestsThatAskForMoreAreToldSo) {
    ASSERT_TRUE(put_group("plant", root_.certificate));
    const auto ask = [&](std::string_view body) {
        return run(registrations_.register_device(request("dev1", chain_), object(body)));
    };
    EXPECT_EQ(number(ask(R"({"registrationId":"dev2"})")), code::invalid_body);
    EXPECT_EQ(number(ask(R"({"csr":"AAAA"})")), code::invalid_body);
    EXPECT_TRUE(ask(R"({"registrationId":"DEV1","payload":{"a":1}})"));
    auto foreign = request("dev1", chain_);
    foreign.scope = "0neOther";
    EXPECT_EQ(number(run(registrations_.register_device(foreign, {}))), code::not_found);
}

class SymmetricKeyTest : public ProvisioningFixture {
protected:
    DeviceRequest keyed(std::string id, std::string_view resource, std::string_view key,
                        std::chrono::seconds life = std::chrono::seconds(30)) const {
        auto request = this->request(std::move(id), {});
        request.authorization = wire::make_sas(resource, *base64_decode(key), "registration", clock_.now() + life);
        return request;
    }
    Result<json::object> try_register(DeviceRequest request) {
        return run(registrations_.register_device(std::move(request), {}));
    }

    const std::string first_key_ = base64_encode(Bytes(32, 1));
    const std::string second_key_ = base64_encode(Bytes(32, 2));
    const json::object attestation_{
        {"attestation",
         {{"type", "symmetricKey"}, {"symmetricKey", {{"primaryKey", first_key_}, {"secondaryKey", second_key_}}}}}};
};

TEST_F(SymmetricKeyTest, EitherKeyOfAnIndividualEnrollmentRegisters) {
    ASSERT_TRUE(put(EnrollmentKind::individual, "Dev1", attestation_));
    for (const auto& key : {first_key_, second_key_}) {
        const auto request = keyed("Dev1", "0ne1/registrations/dev1", key);
        const auto accepted = try_register(request);
        ASSERT_TRUE(accepted) << why(accepted);
        // The token of 30 seconds is used for longer polls.
        clock_.advance(std::chrono::seconds(120));
        const auto final = run(registrations_.operation_status(request, text_at(*accepted, "/operationId")));
        ASSERT_TRUE(final) << why(final);
        EXPECT_EQ(text_at(*final, "/registrationState/status"), "assigned");
        EXPECT_EQ(text_at(*final, "/registrationState/symmetricKey"), "{}");
    }
    const json::value device = *run(registry_.get_device("Dev1"));
    EXPECT_EQ(text_at(device, "/authentication/type"), "sas");
    EXPECT_EQ(text_at(device, "/authentication/symmetricKey/primaryKey"), first_key_);
}

TEST_F(SymmetricKeyTest, AGroupsDeviceHoldsADerivedKey) {
    ASSERT_TRUE(put(EnrollmentKind::group, "plant", attestation_));
    for (const auto& group_key : {first_key_, second_key_}) {
        const auto device_key = derive_device_key(*base64_decode(group_key), "dev1");
        const auto accepted = try_register(keyed("dev1", "0ne1/registrations/dev1", device_key));
        ASSERT_TRUE(accepted) << why(accepted);
    }
    EXPECT_EQ(text_at(*run(registry_.get_device("dev1")), "/authentication/symmetricKey/secondaryKey"),
              derive_device_key(*base64_decode(second_key_), "dev1"));
    EXPECT_EQ(run(enrollments_.query_registrations("plant", {}))->items.size(), 1u);
    // The group's own key is no device's, nor is another device's key.
    EXPECT_EQ(number(try_register(keyed("dev1", "0ne1/registrations/dev1", first_key_))), code::unauthorized);
    const auto others = derive_device_key(*base64_decode(first_key_), "dev2");
    EXPECT_EQ(number(try_register(keyed("dev1", "0ne1/registrations/dev1", others))), code::unauthorized);
}

TEST_F(SymmetricKeyTest, AGroupsRegistrationsComeInPages) {
    ASSERT_TRUE(put(EnrollmentKind::group, "plant", attestation_));
    for (const std::string id : {"dev1", "dev2"}) {
        const auto key = derive_device_key(*base64_decode(first_key_), id);
        ASSERT_TRUE(try_register(keyed(id, "0ne1/registrations/" + id, key)));
    }
    const auto first = run(enrollments_.query_registrations("plant", {.limit = 1}));
    ASSERT_TRUE(first) << why(first);
    ASSERT_EQ(first->items.size(), 1u);
    const auto last = run(enrollments_.query_registrations("plant", {.limit = 1, .continuation = first->continuation}));
    ASSERT_TRUE(last) << why(last);
    EXPECT_NE(text_at(first->items, "/0/registrationId"), text_at(last->items, "/0/registrationId"));
    EXPECT_TRUE(last->continuation.empty());
    for (const std::string_view token : {"dev1", "x/dev1", "99999999999999999999/dev1"})
        EXPECT_EQ(
            number(run(enrollments_.query_registrations("plant", {.continuation = base64_encode(as_bytes(token))}))),
            code::invalid_body);
}

TEST_F(SymmetricKeyTest, WrongTokensAreRefusedAlikeForUnknownDevices) {
    ASSERT_TRUE(put(EnrollmentKind::individual, "dev1", attestation_));
    const auto wrong_key = base64_encode(Bytes(32, 9));
    EXPECT_NE(
        why(try_register(keyed("dev1", "0ne1/registrations/dev1", first_key_, -std::chrono::hours(1)))).find("clock"),
        std::string::npos);
    EXPECT_NE(why(try_register(keyed("dev1", "0ne1/registrations/dev2", first_key_))).find("dev2"), std::string::npos);
    const auto known = try_register(keyed("dev1", "0ne1/registrations/dev1", wrong_key));
    const auto unknown = try_register(keyed("dev9", "0ne1/registrations/dev9", wrong_key));
    EXPECT_EQ(number(known), code::unauthorized);
    EXPECT_EQ(why(known), why(unknown));
    auto malformed = request("dev1", {});
    malformed.authorization = "SharedAccessSignature nonsense";
    EXPECT_EQ(number(try_register(malformed)), code::unauthorized);
}

TEST_F(SymmetricKeyTest, AnOperationNeedsTheKeyAgain) {
    ASSERT_TRUE(put(EnrollmentKind::individual, "dev1", attestation_));
    const auto accepted = try_register(keyed("dev1", "0ne1/registrations/dev1", first_key_));
    const auto operation = text_at(*accepted, "/operationId");
    const auto forged = keyed("dev1", "0ne1/registrations/dev1", base64_encode(Bytes(32, 9)));
    EXPECT_EQ(number(run(registrations_.operation_status(forged, operation))), code::unauthorized);
}

// The vector of the Azure documents.
TEST(DerivedKeys, FitTheDocumentedVector) {
    const auto group_key =
        *base64_decode("8isrFI1sGsIlvvFSSFRiMfCNzv21fjbE/+ah/lSh3lF8e2YG1Te7w1KpZhJFFXJrqYKi9yegxkqIChbqOS9Egw==");
    EXPECT_EQ(derive_device_key(group_key, "sn-007-888-abc-mac-a1-b2-c3-d4-e5-f6"),
              "Jsm0lyGpjaVYVP2g3FnmnmG9dI/9qU24wNoykUmermc=");
}

TEST(OperationId, IsBoundToWhatItWasMadeFor) {
    SeededRandom random(1);
    const Bytes key(32, 5);
    const OperationBinding binding{"0ne1", "Dev1", "AA"};
    const auto id = make_operation_id(key, binding, random);
    EXPECT_TRUE(is_operation_id(key, binding, id));
    EXPECT_TRUE(is_operation_id(key, {"0NE1", "dev1", "AA"}, id));
    EXPECT_FALSE(is_operation_id(key, {"0ne1", "dev1", "AB"}, id));
    EXPECT_FALSE(is_operation_id(key, {"0ne1", "dev2", "AA"}, id));
    EXPECT_FALSE(is_operation_id(Bytes(32, 6), binding, id));
    EXPECT_FALSE(is_operation_id(key, binding, id + "x"));
    EXPECT_FALSE(is_operation_id(key, binding, ""));
}

}  // namespace
}  // namespace muster::provisioning
