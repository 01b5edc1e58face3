// An issuer whose key is in a token that hangs: who asks it for a certificate waits, and nobody else does.
#include <gmock/gmock.h>

#include <csignal>
#include <thread>

#include "base/file.h"
#include "device.h"
#include "edge/keyd/client.h"
#include "edge/keyd/remote_key.h"
#include "pki/csr.h"
#include "pki/issue.h"
#include "support/soft_hsm.h"

namespace muster::edge::testing {
namespace {

using namespace std::chrono_literals;
using ::muster::testing::SoftHsm;
using ::testing::HasSubstr;

class HungKey : public ::testing::Test {
protected:
    void SetUp() override {
        MUSTER_NEEDS_SOFT_HSM();
        hsm.emplace();
        hsm->make_token("edge", "1234");
        hsm->tool("--login --pin 1234 --keypairgen --key-type EC:prime256v1 --label ca --usage-sign");
        device.emplace();
        hang = device->paths().root() / "hang";
        ::setenv("MUSTER_HANG", hang.c_str(), 1);
        device->write_settings(Service::keyd, fmt::format("[aziot_keys]\npkcs11_lib_path = \"{}\"\n"
                                                          "pkcs11_timeout_sec = 2\n[preloaded_keys]\nca = "
                                                          "\"pkcs11:token=edge;object=ca?pin-value=1234\"\n",
                                                          BAD_LIBRARY));
        device->write_settings(Service::certd, "[cert_issuance.own]\nmethod = \"self_signed\"\n");
        for (const auto service : {Service::keyd, Service::certd}) device->start(service);
    }
    void TearDown() override {
        ::unsetenv("MUSTER_HANG");
        std::error_code ignored;
        std::filesystem::remove(hang, ignored);
    }
    Answer put_authority() {
        const auto key = key_of("ca");
        const auto now = SystemClock().now();
        const auto authority = pki::issue({.profile = pki::Profile::intermediate_ca,
                                           .common_name = "in the token",
                                           .not_before = now - 1h,
                                           .not_after = now + 24h},
                                          key.public_key().value(), nullptr, &key, random);
        return device->call(Service::certd, "PUT", "/certificates/ca?api-version=2020-09-01",
                            {{"pem", authority->pem()}});
    }
    std::string handle_of(const std::string& id) const {
        const auto answer = device->call(Service::keyd, "POST", "/keypair?api-version=2020-09-01",
                                         {{"keyId", id}, {"preferredAlgorithms", "ec-p256"}});
        return string_or(answer.body, "keyHandle");
    }
    pki::PrivateKey key_of(const std::string& id) const {
        return keyd::remote_key(keyd::Client(device->paths().socket(Service::keyd)), handle_of(id)).value();
    }
    Answer create(json::object body) const {
        return device->call(Service::certd, "POST", "/certificates?api-version=2020-09-01", body);
    }

    SystemRandom random;
    std::optional<SoftHsm> hsm;
    std::optional<Device> device;
    std::filesystem::path hang;
};

TEST_F(HungKey, KeepsNobodyFromOtherIssuers) {
    ASSERT_EQ(put_authority().status, 201);
    const auto authority = handle_of("ca");
    const auto module_key = pki::PrivateKey::generate(pki::KeySpec{}).value();
    const auto module_request = pki::Csr::create(module_key, {{"CN", "module"}})->pem();
    const auto by_authority = [&] {
        return create({{"certId", "module"},
                       {"csr", module_request},
                       {"issuer", json::object{{"certId", "ca"}, {"privateKeyHandle", authority}}}});
    };
    ASSERT_EQ(by_authority().status, 201);
    const auto own_request = pki::Csr::create(key_of("own"), {{"CN", "own"}})->pem();

    ASSERT_TRUE(write_file_atomic(hang, "edge", 0600));
    Answer module;
    {
        const std::jthread caller([&] { module = by_authority(); });
        std::this_thread::sleep_for(200ms);
        const auto own = create({{"certId", "own"}, {"csr", own_request}});
        EXPECT_EQ(own.status, 201) << own.message();
        EXPECT_THAT(device->log(Service::keyd), ::testing::Not(HasSubstr("has not answered"))) << "nobody waited";
    }
    EXPECT_NE(module.status, 201);
    EXPECT_THAT(device->log(Service::keyd), HasSubstr("has not answered"));
    std::filesystem::remove(hang);
}

}  // namespace
}  // namespace muster::edge::testing
