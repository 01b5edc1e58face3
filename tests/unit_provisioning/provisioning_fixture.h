// A provisioning service on a store of its own.
#pragma once

#include "fake_hubs.h"
#include "hub/registry.h"
#include "provisioning/ca_certificates.h"
#include "provisioning/enrollments.h"
#include "provisioning/errors.h"
#include "provisioning/linked_hubs.h"
#include "provisioning/registration.h"
#include "support/service_fixture.h"
#include "support/test_pki.h"

namespace muster::provisioning {

class ProvisioningFixture : public test::ServiceFixture {
protected:
    explicit ProvisioningFixture(bool shared = false) : ServiceFixture(shared) {}

    static int number(const auto& result) { return result ? 0 : error_number(result.error()); }
    static std::string why(const auto& result) { return result ? "(no error)" : result.error().chain(); }

    Result<json::object> put(EnrollmentKind kind, std::string id, json::object body,
                             std::optional<std::string> if_match = std::nullopt) {
        body[id_member(kind)] = id;
        return run(enrollments_.put(kind, std::move(id), std::move(body), std::move(if_match)));
    }
    Result<json::object> put_group(std::string id, const pki::Certificate& primary, json::object rest = {}) {
        rest["attestation"] = {{"type", "x509"},
                               {"x509", {{"signingCertificates", {{"primary", {{"certificate", primary.pem()}}}}}}}};
        return put(EnrollmentKind::group, std::move(id), std::move(rest));
    }
    Result<json::object> put_individual(std::string id, const pki::Certificate& primary, json::object rest = {}) {
        rest["attestation"] = {{"type", "x509"},
                               {"x509", {{"clientCertificates", {{"primary", {{"certificate", primary.pem()}}}}}}}};
        return put(EnrollmentKind::individual, std::move(id), std::move(rest));
    }

    DeviceRequest request(std::string registration_id, pki::CertificateChain chain) const {
        return {.scope = "0ne1",
                .registration_id = std::move(registration_id),
                .chain = std::move(chain),
                .tracking_id = "t",
                .peer = "test"};
    }
    Result<json::object> register_with(std::string registration_id, pki::CertificateChain chain) {
        return run(registrations_.register_device(request(std::move(registration_id), std::move(chain)), {}));
    }
    // Registers and polls: the registrationState a device ends with.
    json::value outcome(const std::string& registration_id, const pki::CertificateChain& chain) {
        const auto accepted = register_with(registration_id, chain);
        if (!accepted) return json::object{{"refused", accepted.error().chain()}};
        EXPECT_EQ(test::text_at(*accepted, "/status"), "assigning");
        const auto final = run(
            registrations_.operation_status(request(registration_id, chain), test::text_at(*accepted, "/operationId")));
        EXPECT_TRUE(final) << why(final);
        return final ? final->at("registrationState") : json::value();
    }
    static std::string status(const json::value& state) { return test::text_at(state, "/status"); }

    metrics::Metrics metrics_;
    test::TestPki pki_{random_, clock_.now()};
    Groups groups_{*store_};
    FakeHubs outside_;
    LinkedHubs linked_{*store_, clock_, random_, outside_, "hub.example"};
    Enrollments enrollments_{*store_, groups_, clock_, random_, ServiceFacts{"hub.example", &linked_}};
    CaCertificates certificates_{*store_, groups_, clock_, random_};
    Registrations registrations_{*store_, groups_,  clock_,
                                 random_, metrics_, ServiceIdentity{"0ne1", "hub.example", Secret(Bytes(32, 1))}};
    hub::Registry registry_{*store_, clock_, random_};
};

}  // namespace muster::provisioning
