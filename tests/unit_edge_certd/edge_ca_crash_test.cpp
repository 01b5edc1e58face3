// kill -9 of certd and keyd at random instants of an edge CA's renewals that never end: there is one whole pair at
// every instant, and what it signs is signed by its authority.
//
// With the key in a token it is certd alone that is killed: SoftHSM 2.6 empties the file of an object before it writes
// it anew, so that whoever kills keyd in that moment kills the object.
#include <openssl/x509.h>

#include <csignal>
#include <random>

#include "base/file.h"
#include "edge_ca_device.h"
#include "support/soft_hsm.h"

namespace muster::edge::testing {
namespace {

using namespace std::chrono_literals;
using ::muster::testing::SoftHsm;

constexpr int rounds = 10;
constexpr int most_rounds = 100;  // until a kill has come in the middle of a renewal
constexpr auto next_id = "aziot-edged-ca-temp";

class EdgeCaCrash : public EdgeCa {
protected:
    EdgeCaCrash() {
        est.allow_password("dev-1", "pw");
        est.allow_certificate("*");
        est.set_authority(true);
        // SEQUENCE { SEQUENCE { id-ecPublicKey, SET { prime256v1 } } }: such keys are made in no time.
        est.set_csr_attributes("MBcwFQYHKoZIzj0CATEKBggqhkjOPQMBBw==");
        est.set_life(100s);
        // Of a renewal's length there is something, which a kill can come in the middle of.
        est.set_delay(20ms);
    }
    // A renewal every second, which is the least pause, and one soon after each start.
    std::string renewing() { return by_est("threshold = \"1%\"\nretry = \"1%\"\n"); }

    // Some time in a pause between two renewals, or, every other time, in the middle of one.
    void await_some_instant(int round, const std::function<bool()>& has_begun) {
        std::this_thread::sleep_for(std::chrono::milliseconds(random_() % (round % 2 == 0 ? 2000 : 300)));
        if (round % 2 == 0) return;
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!has_begun() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(200us);
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % 80'000));
    }
    void kill_some() {
        const auto which = random_() % 3;
        if (which != 0) device.stop(Service::certd, SIGKILL);
        if (which != 1) device.stop(Service::keyd, SIGKILL);
    }
    void start_again() {
        for (const auto service : {Service::keyd, Service::certd})
            if (!device.runs(service)) device.start(service);
    }
    // As the container runtime has a module's certificate made: with the authority and its key as they are in place.
    bool signs_for_a_module() const {
        const auto handle =
            device.call(Service::keyd, "GET", std::string("/keypair/aziot-edged-ca") + "?api-version=2020-09-01");
        const auto key = pki::PrivateKey::generate(pki::KeySpec{}).value();
        const auto request = pki::Csr::create(key, {{"CN", "module"}});
        const auto made = device.call(
            Service::certd, "POST", std::string("/certificates") + version,
            {{"certId", "module"},
             {"csr", request->pem()},
             {"issuer", json::object{{"certId", id}, {"privateKeyHandle", string_or(handle.body, "keyHandle")}}}});
        if (made.status != 201) return false;
        const auto chain = pki::parse_chain(string_or(made.body, "pem")).value();
        return chain.size() > 1 && X509_verify(chain[0].get(), chain[1].public_key()->get()) == 1;
    }
    // A change that was interrupted is finished by whoever finds it.
    bool soon_signs_for_a_module() const {
        for (int tries = 0; tries < 200; ++tries) {
            if (signs_for_a_module()) return true;
            std::this_thread::sleep_for(50ms);
        }
        return false;
    }
    std::string trouble() const { return log() + device.log(Service::keyd); }

    const std::uint32_t seed_ = std::random_device{}();
    std::mt19937 random_{seed_};
};

TEST_F(EdgeCaCrash, LeavesAWholePairAtEveryInstant) {
    start(renewing());
    ASSERT_EQ(create().status, 201) << trouble();
    int halfway = 0, renewals = 0;
    auto last = in_place().der();
    const auto proved = [&] { return halfway > 0 && renewals > 0; };
    for (int round = 0; round < rounds || (!proved() && round < most_rounds); ++round) {
        SCOPED_TRACE(fmt::format("round {}, seed {}", round, seed_));
        await_some_instant(round, [&] { return std::filesystem::exists(device.key_file(next_id)); });
        kill_some();
        // What is left goes on for the moment, and may move the key between two looks.
        ASSERT_TRUE(device.fits(id, id) || device.fits(id, next_id) || device.fits(id, id)) << trouble();
        halfway += std::filesystem::exists(device.key_file(next_id)) ? 1 : 0;
        start_again();
        ASSERT_TRUE(soon_signs_for_a_module()) << trouble();
        const auto now = in_place().der();
        renewals += now != last ? 1 : 0;
        last = now;
    }
    RecordProperty("halfway", halfway);
    RecordProperty("renewals", renewals);
    EXPECT_GT(halfway, 0) << "the kills came at the wrong times to prove anything";
    EXPECT_GT(renewals, 0);
}

TEST_F(EdgeCaCrash, WithItsKeyInATokenNoLess) {
    MUSTER_NEEDS_SOFT_HSM();
    const SoftHsm hsm;
    hsm.make_token("edge", "1234");
    start(renewing(), fmt::format("[aziot_keys]\npkcs11_lib_path = \"{}\"\npkcs11_base_slot = "
                                  "\"pkcs11:token=edge?pin-value=1234\"\n",
                                  SoftHsm::library));
    ASSERT_EQ(create().status, 201) << trouble();
    int renewals = 0;
    auto last = in_place().der();
    for (int round = 0; round < rounds / 2 || (renewals == 0 && round < most_rounds); ++round) {
        SCOPED_TRACE(fmt::format("round {}, seed {}", round, seed_));
        await_some_instant(round, [&] { return std::filesystem::exists(device.certificate_file(next_id)); });
        device.stop(Service::certd, SIGKILL);
        start_again();
        ASSERT_TRUE(soon_signs_for_a_module()) << trouble();
        const auto now = in_place().der();
        renewals += now != last ? 1 : 0;
        last = now;
    }
    RecordProperty("renewals", renewals);
    EXPECT_GT(renewals, 0);
    device.stop(Service::keyd, SIGTERM);
}

}  // namespace
}  // namespace muster::edge::testing
