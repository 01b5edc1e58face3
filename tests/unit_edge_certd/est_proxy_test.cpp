// Which hosts of an EST server are called through the proxy: each by its own name.
#include <gmock/gmock.h>

#include "device.h"
#include "edge/keyd/client.h"
#include "edge/keyd/remote_key.h"
#include "fake_est.h"
#include "pki/csr.h"

namespace muster::edge {
namespace {

using testing::Device;
using testing::FakeEst;
using ::testing::HasSubstr;

constexpr auto version = "?api-version=2020-09-01";

TEST(EstProxy, AHostThatTheServerSendsUsToIsLookedAtAnew) {
    Device device;
    FakeEst est;
    est.allow_password("dev-1", "pw");
    net::HttpResponse elsewhere;
    elsewhere.status = 302;
    elsewhere.headers.add("Location", "https://elsewhere.invalid/cacerts");
    est.script("cacerts", {elsewhere, elsewhere});
    device.write("certs/est-ca.pem", est.ca_pem());
    device.write_settings(Service::keyd, "");
    // Nobody listens there: the server itself must be called without it, the other host through it.
    device.write_settings(
        Service::certd,
        fmt::format("[cert_issuance.device-id]\nmethod = \"est\"\nurl = \"{}\"\nusername = \"dev-1\"\npassword = "
                    "\"pw\"\n[cert_issuance.est]\ntrusted_certs = [\"t\"]\n[preloaded_certs]\nt = \"file://{}\"\n"
                    "[proxy]\nurl = \"http://127.0.0.1:1\"\nno_proxy = [\"localhost\"]\n",
                    est.url(), device.paths().under("certs/est-ca.pem").string()));
    device.start(Service::keyd);
    device.start(Service::certd);
    const auto handle = device.call(Service::keyd, "POST", "/keypair?api-version=2020-09-01",
                                    {{"keyId", "device-id"}, {"preferredAlgorithms", "ec-p256"}});
    const auto key =
        keyd::remote_key(keyd::Client(device.paths().socket(Service::keyd)), string_or(handle.body, "keyHandle"))
            .value();
    const auto csr = pki::Csr::create(key, {{"CN", "dev-1"}})->pem();
    const auto refused = device.call(Service::certd, "POST", std::string("/certificates") + version,
                                     {{"certId", "device-id"}, {"csr", csr}});
    EXPECT_NE(refused.status, 201);
    EXPECT_THAT(refused.message(), HasSubstr("127.0.0.1:1"));
    const auto made = device.call(Service::certd, "POST", std::string("/certificates") + version,
                                  {{"certId", "device-id"}, {"csr", csr}});
    EXPECT_EQ(made.status, 201) << made.message();
}

}  // namespace
}  // namespace muster::edge
