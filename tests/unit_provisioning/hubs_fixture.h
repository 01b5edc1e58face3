// Provisioning with several hubs: the whole of it, with hubs and webhooks in memory.
#pragma once

#include <map>
#include <thread>

#include "provisioning/deliveries.h"
#include "provisioning_fixture.h"

namespace muster::provisioning {

using test::object;
using test::text_at;

inline constexpr auto own = "hub.example";
inline const Error down(Errc::unavailable, "cannot connect");

class HubsTest : public ProvisioningFixture {
protected:
    explicit HubsTest(bool shared = false) : ProvisioningFixture(shared) {
        registrations_.use_hubs(linked_, [this](const std::string& queue) { deliveries_->wake(queue); });
        linked_.on_change([this] { deliveries_->hubs_changed(); });
        EXPECT_TRUE(linked_.load());
        begin();
    }
    ~HubsTest() override {
        deliveries_->stop();
        thread_->stop();
        store_.reset();
    }

    static DeliveryLimits limits() {
        return {.first_wait = std::chrono::milliseconds(5),
                .longest_wait = std::chrono::milliseconds(20),
                .probe_every = std::chrono::milliseconds(20)};
    }
    void begin() {
        thread_ = std::make_unique<net::Reactors>(1);
        deliveries_ = std::make_unique<Deliveries>(*store_, groups_, linked_, outside_, clock_, random_, metrics_,
                                                   thread_->at(0).get_executor(), limits());
        deliveries_->start();
        thread_->start();
    }
    // As after a crash: what was under way is dropped where it stood.
    void restart() {
        deliveries_->stop();
        thread_->stop();
        // The store may still answer to that thread.
        dropped_.push_back(std::move(thread_));
        // What it had claimed is its own until the claim ends.
        if (store_->is_shared()) clock_.advance(std::chrono::minutes(3));
        begin();
    }

    void link(const std::string& name, json::object rest = {}) {
        rest["connectionString"] = fmt::format("HostName={};SharedAccessKeyName=iothubowner;SharedAccessKey={}", name,
                                               base64_encode(Bytes(32, 9)));
        const auto linked = run(linked_.put(name, std::move(rest), std::nullopt, true));
        ASSERT_TRUE(linked) << why(linked);
    }
    Result<json::object> group(json::object rest) { return put_group("plant", root_.certificate, std::move(rest)); }
    json::object at(std::string_view hub, json::object rest = {}) {
        rest["iotHubs"] = json::array{hub};
        return rest;
    }
    json::object policy(json::object rest, bool update, bool migrate) {
        rest["reprovisionPolicy"] = {{"updateHubAssignment", update}, {"migrateDeviceData", migrate}};
        return rest;
    }

    // For the service, too: what it puts off is due by its clock.
    void time_goes_on() {
        constexpr auto a_moment = std::chrono::milliseconds(5);
        std::this_thread::sleep_for(a_moment);
        clock_.advance(a_moment);
    }
    // What a device gets by polling until it is no longer assigning.
    json::value final_state(const Result<json::object>& accepted, const std::string& id = "dev1") {
        for (int i = 0; i < 2'000; ++i) {
            const auto polled =
                run(registrations_.operation_status(request(id, chain(id)), text_at(*accepted, "/operationId")));
            if (!polled) return json::object{{"refused", polled.error().chain()}};
            if (text_at(*polled, "/status") != "assigning") return polled->at("registrationState");
            time_goes_on();
        }
        return json::object{{"status", "assigning without end"}};
    }
    json::value registered(const std::string& id = "dev1", json::object body = {}) {
        const auto accepted = run(registrations_.register_device(request(id, chain(id)), std::move(body)));
        if (!accepted) return json::object{{"refused", accepted.error().chain()}};
        return final_state(accepted, id);
    }
    std::string record(std::string_view pointer, const std::string& id = "dev1") {
        const auto state = run(enrollments_.get_registration(id));
        return state ? text_at(*state, pointer) : "(none)";
    }
    template <class Condition>
    bool comes_true(Condition condition) {
        for (int i = 0; i < 2'000; ++i) {
            if (condition()) return true;
            time_goes_on();
        }
        return false;
    }
    std::int64_t left_in_outbox() {
        const auto count = run(store_->read([](store::Tx& tx) -> Result<std::int64_t> {
            MUSTER_TRY(const auto queues, tx.outbox().queues());
            return static_cast<std::int64_t>(queues.size());
        }));
        return count.value_or(-1);
    }
    pki::CertificateChain chain(const std::string& id) {
        if (!leaves_.contains(id)) leaves_.emplace(id, pki_.leaf(&root_, id));
        return {leaves_.at(id).certificate};
    }
    // The certificate of the device, as the service's authority would have issued it.
    void record_as_issued(const std::string& id = "dev1") {
        const auto done = store_->transact_now([&](store::Tx& tx) -> Result<> {
            // Others before it, more than a page.
            for (int i = 0; i < 120; ++i)
                MUSTER_CHECK(tx.issued_certificates().insert(
                    {.serial = fmt::format("{:04}", i), .fingerprint = "other", .registration_id = id}));
            return tx.issued_certificates().insert(
                {.serial = "5E", .fingerprint = chain(id).front().sha256_thumbprint(), .registration_id = id});
        });
        ASSERT_TRUE(done) << why(done);
    }
    Result<> revoke() {
        return store_->transact_now(
            [&](store::Tx& tx) { return tx.issued_certificates().revoke("5E", clock_.now(), "keyCompromise"); });
    }
    bool at_own_hub(const std::string& id = "dev1") { return run(registry_.get_device(id)).has_value(); }
    std::string own_twin(std::string_view pointer) {
        const auto twin = run(registry_.get_twin("dev1", ""));
        return twin ? text_at(*twin, pointer) : "(none)";
    }

    const test::Authority root_ = pki_.root();
    std::map<std::string, test::Authority> leaves_;
    std::vector<std::unique_ptr<net::Reactors>> dropped_;
    std::unique_ptr<net::Reactors> thread_;
    std::unique_ptr<Deliveries> deliveries_;
};

}  // namespace muster::provisioning
