// certd's API, spoken to a real certd beside a real keyd.
#include <gtest/gtest.h>

#include <csignal>

#include "base/file.h"
#include "device.h"
#include "edge/keyd/client.h"
#include "edge/keyd/remote_key.h"
#include "pki/csr.h"

namespace muster::edge {
namespace {

using testing::Answer;
using testing::Device;
using testing::make_identity;

constexpr auto version = "?api-version=2020-09-01";

class Certd : public ::testing::Test {
protected:
    void start(const std::string& settings) {
        device.write_settings(Service::keyd, "");
        device.write_settings(Service::certd, settings);
        device.start(Service::keyd);
        device.start(Service::certd);
    }
    Answer certificate(const std::string& id) const {
        return device.call(Service::certd, "GET", "/certificates/" + percent_encode(id) + version);
    }
    std::string new_pair(const std::string& id) const {
        const auto answer = device.call(Service::keyd, "POST", "/keypair?api-version=2020-09-01",
                                        {{"keyId", id}, {"preferredAlgorithms", "ec-p256"}});
        return string_or(answer.body, "keyHandle");
    }
    std::string request_of(const std::string& handle, bool authority) const {
        const keyd::Client keys(device.paths().socket(Service::keyd));
        const auto key = keyd::remote_key(keys, handle).value();
        std::vector<std::pair<std::string, std::string>> extensions;
        if (authority)
            extensions = {{"basicConstraints", "critical,CA:TRUE,pathlen:0"}, {"keyUsage", "critical,keyCertSign"}};
        return pki::Csr::create(key, {{"CN", authority ? "edge CA" : "module"}}, extensions)->pem();
    }
    Device device;
};

TEST_F(Certd, TheEdgeAuthorityIsSelfSignedWithItsKeyInKeyd) {
    start(
        "[cert_issuance.aziot-edged-ca]\nmethod = \"self_signed\"\nexpiry_days = 90\ncommon_name = \"my edge\"\n"
        "[preloaded_certs]\naziot-edged-trust-bundle = [\"aziot-edged-ca\", \"missing\"]\n");
    EXPECT_EQ(certificate("aziot-edged-ca").status, 400);
    const auto csr = request_of(new_pair("aziot-edged-ca"), true);
    const auto made = device.call(Service::certd, "POST", std::string("/certificates") + version,
                                  {{"certId", "aziot-edged-ca"}, {"csr", csr}});
    ASSERT_EQ(made.status, 201) << made.message();
    const auto chain = pki::parse_chain(string_or(made.body, "pem")).value();
    ASSERT_EQ(chain.size(), 1U);
    EXPECT_EQ(chain[0].common_name(), "my edge");
    EXPECT_TRUE(chain[0].is_ca());
    EXPECT_EQ(certificate("aziot-edged-ca").body, made.body);
    EXPECT_EQ(certificate("aziot-edged-trust-bundle").body, made.body);
    const auto path = device.paths().state_directory(Service::certd) / "certs" /
                      ("aziotedgedca-" + hex_encode(pki::sha256(as_bytes("aziot-edged-ca"))) + ".cer");
    EXPECT_EQ(read_file(path).value(), string_or(made.body, "pem"));
}

TEST_F(Certd, AModuleCertificateIsIssuedByAHandle) {
    start("[cert_issuance.aziot-edged-ca]\nmethod = \"self_signed\"\n");
    const auto authority = new_pair("aziot-edged-ca");
    const std::string path = std::string("/certificates") + version;
    ASSERT_EQ(
        device.call(Service::certd, "POST", path, {{"certId", "aziot-edged-ca"}, {"csr", request_of(authority, true)}})
            .status,
        201);
    const std::string id = "aziot-edged/module/m:1:server";
    const json::object issuer{{"certId", "aziot-edged-ca"}, {"privateKeyHandle", authority}};
    const auto made = device.call(Service::certd, "POST", path,
                                  {{"certId", id}, {"csr", request_of(new_pair("m"), false)}, {"issuer", issuer}});
    ASSERT_EQ(made.status, 201) << made.message();
    const auto chain = pki::parse_chain(string_or(made.body, "pem")).value();
    ASSERT_EQ(chain.size(), 2U);
    EXPECT_EQ(chain[0].common_name(), "module");
    EXPECT_EQ(chain[0].issuer(), chain[1].subject());
    EXPECT_EQ(certificate(id).status, 200);
    EXPECT_EQ(device.call(Service::certd, "DELETE", "/certificates/" + percent_encode(id) + version).status, 204);
    EXPECT_EQ(certificate(id).status, 400);
    EXPECT_NE(certificate(id).message().find("not found"), std::string::npos);
}

TEST_F(Certd, ImportKeepsWhatIsACertificate) {
    start("");
    const auto identity = make_identity("dev", {}, nullptr, false);
    const std::string path = std::string("/certificates/a%2Fb") + version;
    EXPECT_EQ(device.call(Service::certd, "PUT", path, {{"pem", "nonsense"}}).status, 400);
    const auto made = device.call(Service::certd, "PUT", path, {{"pem", identity.certificate.pem()}});
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(string_or(certificate("a/b").body, "pem"), identity.certificate.pem());
}

TEST_F(Certd, FilesAreReadFreshAndNeverReplaced) {
    const auto identity = make_identity("dev", {}, nullptr, false);
    const auto path = device.write("certs/dev.pem", "first\n");
    start(
        fmt::format("[preloaded_certs]\ndevice-id = \"file://{}\"\ngone = \"file:///nowhere.pem\"\nloop = [\"loop\"]\n",
                    path.string()));
    EXPECT_EQ(string_or(certificate("device-id").body, "pem"), "first\n");
    device.write("certs/dev.pem", "second\n");
    EXPECT_EQ(string_or(certificate("device-id").body, "pem"), "second\n");
    const auto target = std::string("/certificates/device-id") + version;
    EXPECT_EQ(device.call(Service::certd, "PUT", target, {{"pem", identity.certificate.pem()}}).status, 400);
    EXPECT_EQ(device.call(Service::certd, "DELETE", target).status, 400);
    EXPECT_NE(certificate("gone").message().find("/nowhere.pem"), std::string::npos);
    EXPECT_EQ(certificate("loop").status, 400);
}

TEST_F(Certd, ACertificateWithoutAnIssuerSaysWhatIsMissing) {
    start("[cert_issuance.a]\nmethod = \"est\"\n[cert_issuance.b]\nmethod = \"local_ca\"\n");
    const auto csr = request_of(new_pair("a"), false);
    const auto refused = [&](const std::string& id, const std::string& reason) {
        const auto answer =
            device.call(Service::certd, "POST", std::string("/certificates") + version, {{"certId", id}, {"csr", csr}});
        EXPECT_EQ(answer.status, 400);
        EXPECT_NE(answer.message().find(reason), std::string::npos) << answer.message();
    };
    refused("a", "[cert_issuance.est.urls]");
    refused("b", "[cert_issuance.local_ca]");
    refused("c", "no issuer");
}

TEST_F(Certd, WithoutKeydTheReasonIsGiven) {
    start("[cert_issuance.a]\nmethod = \"self_signed\"\n");
    const auto csr = request_of(new_pair("a"), false);
    device.stop(Service::keyd, SIGTERM);
    const auto answer =
        device.call(Service::certd, "POST", std::string("/certificates") + version, {{"certId", "a"}, {"csr", csr}});
    EXPECT_EQ(answer.status, 500);
    EXPECT_NE(answer.message().find("aziot-keyd cannot be reached"), std::string::npos) << answer.message();
    EXPECT_NE(answer.message().find("iotedge system status"), std::string::npos) << answer.message();
}

}  // namespace
}  // namespace muster::edge
