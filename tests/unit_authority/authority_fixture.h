// An authority on a store of its own, with the groups that devices are judged by.
#pragma once

#include <gmock/gmock.h>

#include "authority/certificates.h"
#include "authority/passwords.h"
#include "provisioning/certificate_enrolment.h"
#include "provisioning/errors.h"
#include "provisioning/group_crls.h"
#include "support/full_disk.h"
#include "support/service_fixture.h"
#include "support/test_pki.h"

namespace muster::authority {

class AuthorityFixture : public test::ServiceFixture {
protected:
    explicit AuthorityFixture(Policy policy = {.crl_url = "http://muster.example/crl"})
        : authority_(*store_, clock_, random_, directory_ / "authority", std::move(policy)) {
        authority_.on_change([this] { return groups_.refresh(); });
    }

    static std::string why(const auto& result) { return result ? "(no error)" : result.error().chain(); }
    static Errc code(const auto& result) { return result ? Errc::internal : result.error().code(); }

    void switch_on() {
        const auto made = run(authority_.create({.name = "Test"}, false, {}));
        ASSERT_TRUE(made) << why(made);
    }

    // A group as the store has it: `certificate` signs for its devices; without one they have no way in of their own.
    void put_group(const std::string& id, const pki::Certificate* certificate = nullptr,
                   std::string_view status = "enabled") {
        store::EnrollmentRecord record{
            .id = id,
            .etag = fmt::format("etag-{}", ++etags_),
            .body = json::serialize(json::object{
                {"enrollmentGroupId", id}, {"attestation", {{"type", "x509"}}}, {"provisioningStatus", status}}),
            .primary_certificate = certificate != nullptr ? certificate->der() : Bytes()};
        write([&](store::Tx& tx) { return tx.enrollment_groups().put(record); });
        ASSERT_TRUE(run(groups_.refresh()));
    }
    void write(const std::function<Result<>(store::Tx&)>& work) {
        const auto done = store_->transact_now(work);
        ASSERT_TRUE(done) << why(done);
    }

    // Behind the authority's back.
    void change_keys(const std::function<Result<>(Keys&)>& change) {
        if (!store_->is_shared()) {
            KeyDirectory keys(directory_ / "authority");
            EXPECT_TRUE(change(keys));
            return;
        }
        write([&](store::Tx& tx) -> Result<> {
            MUSTER_TRY(const auto keys, KeyRecords::load(tx));
            MUSTER_CHECK(change(*keys));
            return keys->save(tx, clock_.now());
        });
    }

    static pki::PrivateKey new_key(const pki::KeySpec& spec = {}) { return *pki::PrivateKey::generate(spec); }
    static std::string csr(const std::string& name, const pki::PrivateKey& key, const pki::Subject& rest = {}) {
        auto subject = rest;
        subject.emplace_back("CN", name);
        return base64_encode(pki::Csr::create(key, subject)->der());
    }

    Result<pki::Certificate> ask(provisioning::EnrolmentRequest request) {
        std::optional<Result<pki::Certificate>> answer;
        const auto wait = [&]() -> Task<> { answer = co_await enrolment_.enrol(std::move(request)); };
        net::run_blocking(wait());
        return std::move(*answer);
    }
    Result<pki::Certificate> enrol(const std::string& name, const pki::PrivateKey& key, pki::CertificateChain chain,
                                   std::string group = {}, bool renews = false) {
        return ask({.group_id = std::move(group), .csr = csr(name, key), .renews = renews, .chain = std::move(chain)});
    }
    Result<pki::Certificate> enrol_by_password(const std::string& name, const pki::PrivateKey& key,
                                               const std::string& user, std::string_view password,
                                               std::string group = {}) {
        return ask({.group_id = std::move(group), .csr = csr(name, key), .user = user, .password = Secret(password)});
    }
    std::string password(const std::string& device, const std::string& group,
                         std::chrono::seconds life = std::chrono::hours(1)) {
        const auto made = run(passwords_.make(device, group, life, {}));
        EXPECT_TRUE(made) << why(made);
        return made ? test::text_at(*made, "/password") : "";
    }
    Result<json::object> revoke(const pki::Certificate& certificate) {
        return run(certificates_.revoke(certificate.serial_hex(), pki::RevocationReason::key_compromise, {}));
    }
    pki::RevocationList published() {
        const auto list = run(certificates_.revocation_list("issuing"));
        EXPECT_TRUE(list) << why(list);
        return *pki::RevocationList::from_der((*list)->der);
    }

    int etags_ = 0;
    test::TestPki pki_{random_, clock_.now()};
    provisioning::Groups groups_{*store_};
    Authority authority_;
    Certificates certificates_{*store_, authority_, clock_};
    Passwords passwords_{*store_, clock_, random_};
    provisioning::CertificateEnrolment enrolment_{*store_, groups_, authority_, clock_};
    // Where revocation lists are fetched from, by address.
    class Fetcher final : public provisioning::CrlFetcher {
    public:
        Task<Result<pki::RevocationList>> fetch(std::string url, std::string certificates) override {
            asked.push_back(url + certificates);
            const auto found = lists.find(url);
            if (found == lists.end()) co_return fail(Errc::unavailable, "nobody is there");
            co_return pki::RevocationList::from_any(found->second);
        }
        std::map<std::string, std::string> lists;
        std::vector<std::string> asked;
    };
    Fetcher fetcher_;
    provisioning::GroupCrls group_crls_{*store_, groups_, fetcher_, clock_};
};

}  // namespace muster::authority
