// keyd's API, spoken to a real keyd.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.h"
#include "device.h"

namespace muster::edge {
namespace {

using testing::Device;

constexpr auto version = "?api-version=2021-05-01";

class Keyd : public ::testing::Test {
protected:
    Keyd() {
        device.write_settings(Service::keyd, "[aziot_keys]\nhomedir_path = \"/var/lib/aziot/keyd\"\n");
        device.start(Service::keyd);
    }
    testing::Answer post(const std::string& path, const json::object& body) const {
        return device.call(Service::keyd, "POST", path + version, body);
    }
    std::string handle(const testing::Answer& answer) const {
        EXPECT_EQ(answer.status, 200) << answer.message();
        return string_or(answer.body, "keyHandle");
    }
    std::string new_key(const std::string& id) const {
        return handle(post("/key", {{"keyId", id}, {"usage", "derive,sign"}}));
    }
    Device device;
};

TEST_F(Keyd, ASymmetricKeyIsMadeOnceAndKeptInAFileOfItsId) {
    new_key("a.b/c");
    const auto name = "abc-" + hex_encode(pki::sha256(as_bytes("a.b/c"))) + ".key";
    const auto path = device.paths().state_directory(Service::keyd) / "keys" / name;
    const auto content = read_file(path).value();
    EXPECT_EQ(content.size(), 32U);
    struct stat status{};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600U);
    new_key("a.b/c");
    EXPECT_EQ(read_file(path).value(), content);
    EXPECT_EQ(device.call(Service::keyd, "GET", std::string("/key/a.b%2Fc") + version).status, 200);
    EXPECT_EQ(device.call(Service::keyd, "GET", std::string("/key/other") + version).status, 400);
}

TEST_F(Keyd, AnImportedKeySignsAsItself) {
    const auto imported = handle(
        post("/key", {{"keyId", "k"}, {"keyBytes", base64_encode(as_bytes("secret"))}, {"usage", "derive,sign"}}));
    const auto answer = post("/sign", {{"keyHandle", imported},
                                       {"algorithm", "HMAC-SHA256"},
                                       {"parameters", json::object{{"message", base64_encode(as_bytes("m"))}}}});
    EXPECT_EQ(string_or(answer.body, "signature"), base64_encode(pki::hmac_sha256(as_bytes("secret"), as_bytes("m"))));
}

TEST_F(Keyd, ADerivedKeyIsTheHmacOfItsBase) {
    const auto base = handle(
        post("/key", {{"keyId", "k"}, {"keyBytes", base64_encode(as_bytes("secret"))}, {"usage", "derive,sign"}}));
    const auto derived = handle(
        post("/derivedkey", {{"baseKeyHandle", base}, {"derivationData", base64_encode(as_bytes("m:g:primary"))}}));
    const auto expected = pki::hmac_sha256(as_bytes("secret"), as_bytes("m:g:primary"));
    EXPECT_EQ(string_or(post("/derivedkey/export", {{"keyHandle", derived}}).body, "key"), base64_encode(expected));
    EXPECT_EQ(post("/derivedkey/export", {{"keyHandle", base}}).status, 400);
    const auto answer = post("/sign", {{"keyHandle", derived},
                                       {"algorithm", "HMAC-SHA256"},
                                       {"parameters", json::object{{"message", base64_encode(as_bytes("x"))}}}});
    EXPECT_EQ(string_or(answer.body, "signature"), base64_encode(pki::hmac_sha256(expected, as_bytes("x"))));
}

TEST_F(Keyd, EncryptionComesBack) {
    const auto key = handle(post("/key", {{"keyId", "e"}, {"usage", "encrypt"}}));
    const json::object parameters{{"iv", base64_encode(as_bytes("iv"))}, {"aad", base64_encode(as_bytes("aad"))}};
    const auto sealed = post("/encrypt", {{"keyHandle", key},
                                          {"algorithm", "AEAD"},
                                          {"parameters", parameters},
                                          {"plaintext", base64_encode(as_bytes("text"))}});
    ASSERT_EQ(sealed.status, 200) << sealed.message();
    const auto opened = post("/decrypt", {{"keyHandle", key},
                                          {"algorithm", "AEAD"},
                                          {"parameters", parameters},
                                          {"ciphertext", sealed.body.at("ciphertext")}});
    EXPECT_EQ(string_or(opened.body, "plaintext"), base64_encode(as_bytes("text")));
    EXPECT_EQ(post("/encrypt", {{"keyHandle", key}, {"algorithm", "AES"}, {"plaintext", ""}}).status, 400);
}

TEST_F(Keyd, KeyPairsAreMadeMovedAndDeleted) {
    const auto pair = handle(post("/keypair", {{"keyId", "temp"}, {"preferredAlgorithms", "rsa-2048:*"}}));
    const auto modulus = string_or(post("/parameters/rsa-modulus", {{"keyHandle", pair}}).body, "value");
    EXPECT_EQ(base64_decode(modulus)->size(), 256U);
    EXPECT_EQ(post("/keypair/final", {{"from", "temp"}}).status, 204);
    EXPECT_EQ(device.call(Service::keyd, "GET", std::string("/keypair/temp") + version).status, 400);
    const auto moved = handle(device.call(Service::keyd, "GET", std::string("/keypair/final") + version));
    EXPECT_EQ(string_or(post("/parameters/rsa-modulus", {{"keyHandle", moved}}).body, "value"), modulus);
    EXPECT_EQ(device.call(Service::keyd, "DELETE", std::string("/key") + version, {{"keyHandle", moved}}).status, 400);
    EXPECT_EQ(device.call(Service::keyd, "DELETE", std::string("/keypair") + version, {{"keyHandle", moved}}).status,
              204);
    EXPECT_EQ(device.call(Service::keyd, "GET", std::string("/keypair/final") + version).status, 400);
    EXPECT_EQ(post("/keypair/x", {{"from", "nothing"}}).status, 400);
}

TEST_F(Keyd, ItsOwnKeyIsNobodyElses) {
    EXPECT_EQ(device.call(Service::keyd, "GET", std::string("/key/handle-validation-key") + version).status, 401);
    EXPECT_EQ(post("/key", {{"keyId", "handle-validation-key"}, {"usage", "derive,sign"}}).status, 401);
}

TEST_F(Keyd, HandlesOutliveARestart) {
    const auto key = new_key("k");
    device.stop(Service::keyd, SIGTERM);
    device.start(Service::keyd);
    EXPECT_EQ(post("/derivedkey", {{"baseKeyHandle", key}, {"derivationData", "eA=="}}).status, 200);
    EXPECT_EQ(post("/derivedkey", {{"baseKeyHandle", key + "x"}, {"derivationData", "eA=="}}).status, 400);
}

TEST(KeydPreloaded, KeysOfFilesAreUsedAndNeverTouched) {
    Device device;
    const auto identity = testing::make_identity("dev", {}, nullptr, false);
    const auto path = device.write("secrets/dev 1.pem", identity.key.to_pem()->text());
    device.write_settings(
        Service::keyd, fmt::format("[preloaded_keys]\n\"device-id\" = \"file://{}\"\nmissing = \"file:///nowhere/k\"\n",
                                   (path.parent_path() / "dev%201.pem").string()));
    device.start(Service::keyd);
    const auto loaded = device.call(Service::keyd, "GET", std::string("/keypair/device-id") + version);
    ASSERT_EQ(loaded.status, 200) << loaded.message();
    EXPECT_EQ(device.call(Service::keyd, "DELETE", std::string("/keypair") + version, loaded.body).status, 400);
    EXPECT_EQ(device.call(Service::keyd, "POST", std::string("/keypair") + version, {{"keyId", "device-id"}}).status,
              200);
    const auto missing = device.call(Service::keyd, "POST", std::string("/keypair") + version, {{"keyId", "missing"}});
    EXPECT_EQ(missing.status, 400);
    EXPECT_NE(missing.message().find("/nowhere/k"), std::string::npos);
    EXPECT_NE(missing.message().find("iotedge config apply"), std::string::npos);
    // A certificate of such a key would come into the place of the old one, and the key could not.
    const auto next =
        device.call(Service::keyd, "POST", std::string("/keypair") + version, {{"keyId", "device-id-temp"}});
    EXPECT_EQ(next.status, 400);
    EXPECT_NE(next.message().find("could not take its place"), std::string::npos);
    EXPECT_NE(next.message().find("rotate_key = false"), std::string::npos);
}

}  // namespace
}  // namespace muster::edge
