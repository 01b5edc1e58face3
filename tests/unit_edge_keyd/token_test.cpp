// keyd with its keys in SoftHSM 2: the whole API, and a token that comes late, goes, has another PIN.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <csignal>
#include <thread>

#include "base/file.h"
#include "device.h"
#include "edge/keyd/remote_key.h"
#include "pki/csr.h"
#include "support/soft_hsm.h"

namespace muster::edge {
namespace {

using ::muster::testing::SoftHsm;
using testing::Device;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto version = "?api-version=2021-05-01";
// A library looks for tokens when it starts, and keyd has it start again at most this often.
constexpr auto another_look = std::chrono::milliseconds(2100);

class KeydWithToken : public ::testing::Test {
protected:
    void SetUp() override {
        MUSTER_NEEDS_SOFT_HSM();
        hsm.emplace();
        hsm->make_token("edge", "1234");
        device.emplace();
    }
    void start(const std::string& slot = "pkcs11:token=edge?pin-value=1234", const std::string& preloaded = "") {
        device->write_settings(Service::keyd, settings(slot, preloaded));
        device->start(Service::keyd);
    }
    static std::string settings(const std::string& slot, const std::string& preloaded) {
        const auto base = slot.empty() ? slot : fmt::format("pkcs11_base_slot = \"{}\"\n", slot);
        return fmt::format(
            "[aziot_keys]\nhomedir_path = \"/var/lib/aziot/keyd\"\npkcs11_lib_path = \"{}\"\n{}[preloaded_keys]\n{}",
            SoftHsm::library, base, preloaded);
    }
    testing::Answer post(const std::string& path, const json::object& body) const {
        return device->call(Service::keyd, "POST", path + version, body);
    }
    testing::Answer get(const std::string& path) const { return device->call(Service::keyd, "GET", path + version); }
    static std::string handle(const testing::Answer& answer) {
        EXPECT_EQ(answer.status, 200) << answer.message();
        return string_or(answer.body, "keyHandle");
    }
    std::string new_pair(const std::string& id, const std::string& preferred = "") const {
        return handle(post("/keypair", {{"keyId", id}, {"preferredAlgorithms", preferred}}));
    }
    pki::PrivateKey remote(const std::string& key) const {
        return keyd::remote_key(keyd::Client(device->paths().socket(Service::keyd)), key).value();
    }
    std::string objects(const std::string& pin = "1234") const {
        return hsm->tool("--login --pin " + pin + " --list-objects");
    }
    std::size_t key_files() const {
        std::size_t count = 0;
        for (const auto& file :
             std::filesystem::directory_iterator(device->paths().state_directory(Service::keyd) / "keys")) {
            (void)file;
            ++count;
        }
        return count;
    }

    std::optional<SoftHsm> hsm;
    std::optional<Device> device;
};

TEST_F(KeydWithToken, PairsAreMadeInTheTokenAndSignRequests) {
    start();
    for (const std::string algorithm : {"ec-p256", "ec-p384", "rsa-2048", "rsa-4096"}) {
        const auto key = remote(new_pair(algorithm, algorithm));
        const auto csr = pki::Csr::create(key, {{"CN", "device"}});
        ASSERT_TRUE(csr) << csr.error().chain();
        EXPECT_TRUE(csr->signature_ok()) << algorithm;
        EXPECT_THAT(objects(), HasSubstr("label:      " + algorithm));
    }
    EXPECT_EQ(key_files(), 1U) << "the key that signs handles, and no other";
    EXPECT_EQ(handle(get("/keypair/ec-p256")).substr(0, 3), "sr=");
    EXPECT_EQ(get("/keypair/other").status, 400);
}

TEST_F(KeydWithToken, TheListOfAlgorithmsIsTriedInOrder) {
    start();
    const auto key = new_pair("k", "rsa-3072:*");
    EXPECT_EQ(base64_decode(string_or(post("/parameters/rsa-modulus", {{"keyHandle", key}}).body, "value"))->size(),
              384U);
    // What is there stays, whatever is asked for.
    EXPECT_EQ(string_or(post("/parameters/algorithm", {{"keyHandle", new_pair("k", "ec-p256")}}).body, "value"), "RSA");
}

TEST_F(KeydWithToken, ARotatedKeyTakesTheOldOnesPlace) {
    start();
    const auto old_key = new_pair("device-id");
    const auto old_point = string_or(post("/parameters/ec-point", {{"keyHandle", old_key}}).body, "value");
    const auto fresh = new_pair("device-id-temp");
    const auto point = string_or(post("/parameters/ec-point", {{"keyHandle", fresh}}).body, "value");
    EXPECT_EQ(post("/keypair/device-id", {{"from", "device-id-temp"}}).status, 204);
    const auto moved = handle(get("/keypair/device-id"));
    EXPECT_EQ(string_or(post("/parameters/ec-point", {{"keyHandle", moved}}).body, "value"), point);
    EXPECT_NE(point, old_point);
    EXPECT_EQ(get("/keypair/device-id-temp").status, 400);
    EXPECT_EQ(post("/keypair/device-id", {{"from", "device-id-temp"}}).status, 400);

    EXPECT_EQ(device->call(Service::keyd, "DELETE", std::string("/keypair") + version, {{"keyHandle", moved}}).status,
              204);
    EXPECT_EQ(get("/keypair/device-id").status, 400);
    EXPECT_THAT(objects(), Not(HasSubstr("device-id")));
}

// As a crash would leave it: decided, and not yet done.
TEST_F(KeydWithToken, AMoveThatWasDecidedIsFinished) {
    start();
    (void)new_pair("device-id", "ec-p256");
    (void)new_pair("device-id-temp", "ec-p384");
    device->stop(Service::keyd, SIGKILL);
    const auto list = hsm->tool("--login --pin 1234 --list-objects --type privkey");
    const auto at = list.find("ID:", list.find("device-id-temp"));
    const auto id = list.substr(list.find_first_of("0123456789abcdef", at + 3), 32);
    ASSERT_EQ(id.size(), 32U) << list;
    ASSERT_TRUE(write_file_atomic(device->paths().state_directory(Service::keyd) / "moving-key.json",
                                  fmt::format(R"({{"to":"device-id","id":"{}"}})", id), 0600));
    device->start(Service::keyd);
    const auto moved = handle(get("/keypair/device-id"));
    const auto oid = string_or(post("/parameters/ec-curve-oid", {{"keyHandle", moved}}).body, "value");
    EXPECT_EQ(hex_encode(base64_decode(oid).value()), "06052b81040022");
    EXPECT_EQ(get("/keypair/device-id-temp").status, 400);
    EXPECT_FALSE(std::filesystem::exists(device->paths().state_directory(Service::keyd) / "moving-key.json"));
}

TEST_F(KeydWithToken, AMoveThatCannotBeFinishedCostsItsKeyAlone) {
    start();
    (void)new_pair("device-id", "ec-p256");
    (void)new_pair("other", "ec-p256");
    device->stop(Service::keyd, SIGKILL);
    for (const auto* label : {"first", "second"})  // the id of two: nobody can say which of them is to move
        (void)hsm->tool(
            fmt::format("--login --pin 1234 --keypairgen --key-type EC:prime256v1 --id 77 --label {}", label));
    const auto journal = device->paths().state_directory(Service::keyd) / "moving-key.json";
    ASSERT_TRUE(write_file_atomic(journal, R"({"to":"device-id","id":"77"})", 0600));
    device->start(Service::keyd);
    EXPECT_NE(get("/keypair/device-id").status, 200);
    EXPECT_EQ(get("/keypair/other").status, 200);
    EXPECT_EQ(get("/keypair/first").status, 200);
    EXPECT_TRUE(std::filesystem::exists(journal));
}

TEST_F(KeydWithToken, SymmetricKeysAreInTheTokenToo) {
    start();
    const auto secret = "0123456789abcdef0123456789abcdef";
    const auto key =
        handle(post("/key", {{"keyId", "m"}, {"usage", "derive,sign"}, {"keyBytes", base64_encode(as_bytes(secret))}}));
    EXPECT_THAT(objects(), HasSubstr("label:      m"));
    const auto expected = pki::hmac_sha256(as_bytes(secret), as_bytes("mod:gen:primary"));
    const json::object sign{{"keyHandle", key},
                            {"algorithm", "HMAC-SHA256"},
                            {"parameters", json::object{{"message", base64_encode(as_bytes("mod:gen:primary"))}}}};
    EXPECT_EQ(string_or(post("/sign", sign).body, "signature"), base64_encode(expected));
    // A derived key is the same bytes, and may be exported.
    const auto derived = handle(
        post("/derivedkey", {{"baseKeyHandle", key}, {"derivationData", base64_encode(as_bytes("mod:gen:primary"))}}));
    EXPECT_EQ(string_or(post("/derivedkey/export", {{"keyHandle", derived}}).body, "key"), base64_encode(expected));

    const auto aes = handle(post("/key", {{"keyId", "e"}, {"usage", "encrypt"}}));
    const json::object parameters{{"iv", base64_encode(as_bytes("iviviviviviv"))},
                                  {"aad", base64_encode(as_bytes("a"))}};
    const auto sealed = post(
        "/encrypt", {{"keyHandle", aes}, {"algorithm", "AEAD"}, {"parameters", parameters}, {"plaintext", "eA=="}});
    ASSERT_EQ(sealed.status, 200) << sealed.message();
    const auto blob = base64_decode(string_or(sealed.body, "ciphertext")).value();
    EXPECT_EQ(blob.front(), 2);
    json::object open{
        {"keyHandle", aes}, {"algorithm", "AEAD"}, {"parameters", parameters}, {"ciphertext", base64_encode(blob)}};
    EXPECT_EQ(string_or(post("/decrypt", open).body, "plaintext"), "eA==");
    // The form that early devices wrote: the tag first.
    Bytes legacy{1};
    legacy.insert(legacy.end(), blob.end() - 16, blob.end());
    legacy.insert(legacy.end(), blob.begin() + 1, blob.end() - 16);
    open["ciphertext"] = base64_encode(legacy);
    EXPECT_EQ(string_or(post("/decrypt", open).body, "plaintext"), "eA==");
    legacy.back() ^= 1;
    open["ciphertext"] = base64_encode(legacy);
    EXPECT_EQ(post("/decrypt", open).status, 400);
    EXPECT_EQ(key_files(), 1U);
    // Too short for this token: a file takes it.
    EXPECT_EQ(post("/key", {{"keyId", "s"}, {"usage", "sign"}, {"keyBytes", "c2hvcnQ="}}).status, 200);
    EXPECT_EQ(key_files(), 2U);
}

TEST_F(KeydWithToken, KeysOfAnEarlierTimeAreStillFoundInFiles) {
    device->write_settings(Service::keyd, "");
    device->start(Service::keyd);
    (void)new_pair("device-id", "rsa-2048");
    device->stop(Service::keyd, SIGTERM);
    start();
    EXPECT_EQ(
        string_or(post("/parameters/algorithm", {{"keyHandle", handle(get("/keypair/device-id"))}}).body, "value"),
        "RSA");
    // The next one comes from the token, and then the file goes.
    (void)new_pair("device-id-temp");
    EXPECT_EQ(post("/keypair/device-id", {{"from", "device-id-temp"}}).status, 204);
    EXPECT_EQ(
        string_or(post("/parameters/algorithm", {{"keyHandle", handle(get("/keypair/device-id"))}}).body, "value"),
        "ECDSA");
    EXPECT_EQ(key_files(), 1U);
}

TEST_F(KeydWithToken, APreloadedKeyOfAUri) {
    ASSERT_THAT(hsm->tool("--login --pin 1234 --keypairgen --key-type EC:prime256v1 --label 'the key' --id 0102"),
                HasSubstr("the key"));
    start("",
          "device-id = \"pkcs11:token=edge;object=the%20key;id=%01%02?pin-value=1234\"\n"
          "missing = \"pkcs11:token=edge;object=nothing?pin-value=1234\"\n");
    const auto key = handle(get("/keypair/device-id"));
    EXPECT_TRUE(pki::Csr::create(remote(key), {{"CN", "x"}})->signature_ok());
    EXPECT_EQ(handle(post("/keypair", {{"keyId", "device-id"}})).substr(0, 3), "sr=");
    EXPECT_EQ(device->call(Service::keyd, "DELETE", std::string("/keypair") + version, {{"keyHandle", key}}).status,
              400);
    EXPECT_EQ(post("/keypair/device-id", {{"from", "missing"}}).status, 400);
    const auto missing = post("/keypair", {{"keyId", "missing"}});
    EXPECT_EQ(missing.status, 400);
    EXPECT_THAT(missing.message(), HasSubstr("object=nothing"));
    EXPECT_THAT(missing.message(), Not(HasSubstr("1234")));
    // Without a base slot new keys are files.
    (void)new_pair("new");
    EXPECT_EQ(key_files(), 2U);
}

TEST_F(KeydWithToken, AUriNeedNotRepeatTheBaseSlot) {
    ASSERT_THAT(hsm->tool("--login --pin 1234 --keypairgen --key-type EC:prime256v1 --label mine --id 01"),
                HasSubstr("mine"));
    start("pkcs11:token=edge?pin-value=1234", "device-id = \"pkcs11:object=mine\"\n");
    EXPECT_EQ(get("/keypair/device-id").status, 200);
}

TEST_F(KeydWithToken, AWrongPinIsSaidAndNotRepeated) {
    start("pkcs11:token=edge?pin-value=4321");
    const auto answer = get("/keypair/k");
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.message(), HasSubstr("CKR_PIN_INCORRECT"));
    EXPECT_THAT(answer.message(), HasSubstr("iotedge config apply"));
    EXPECT_THAT(answer.message(), Not(HasSubstr("4321")));
    EXPECT_THAT(get("/keypair/k").message(), HasSubstr("not tried again"));
    EXPECT_THAT(device->log(Service::keyd), Not(HasSubstr("4321")));
}

TEST_F(KeydWithToken, ATokenThatIsAwayCostsItsKeysAlone) {
    ASSERT_THAT(hsm->tool("--login --pin 1234 --keypairgen --key-type EC:prime256v1 --label mine --id 01"),
                HasSubstr("mine"));
    hsm->pull_out();
    const auto identity = testing::make_identity("dev", {}, nullptr, false);
    const auto file = device->write("key.pem", identity.key.to_pem()->text());
    start("pkcs11:token=edge?pin-value=1234",
          fmt::format("in-file = \"file://{}\"\ndevice-id = \"pkcs11:object=mine\"\n", file.string()));
    EXPECT_EQ(get("/keypair/in-file").status, 200);
    const auto away = get("/keypair/device-id");
    EXPECT_EQ(away.status, 500) << "not a word that a caller could take for 'no such key'";
    // Nor is a new key made in its place.
    EXPECT_EQ(post("/keypair", {{"keyId", "other"}}).status, 500);
    EXPECT_EQ(post("/key", {{"keyId", "other"}, {"usage", "sign"}}).status, 500);

    hsm->put_back();
    std::this_thread::sleep_for(another_look);
    const auto back = get("/keypair/device-id");
    EXPECT_EQ(back.status, 200) << back.message() << device->log(Service::keyd);
    const auto key = new_pair("other");

    hsm->pull_out();
    std::this_thread::sleep_for(another_look);
    EXPECT_EQ(get("/keypair/device-id").status, 500);
    EXPECT_EQ(get("/keypair/other").status, 500);
    EXPECT_EQ(get("/keypair/in-file").status, 200);
    hsm->put_back();
    std::this_thread::sleep_for(another_look);
    EXPECT_EQ(get("/keypair/other").status, 200);
    EXPECT_EQ(post("/parameters/algorithm", {{"keyHandle", key}}).status, 200);
}

TEST_F(KeydWithToken, AMissingLibraryIsNamed) {
    device->write_settings(
        Service::keyd,
        "[aziot_keys]\npkcs11_lib_path = \"/nowhere/lib.so\"\npkcs11_base_slot = \"pkcs11:token=edge\"\n");
    device->start(Service::keyd);
    const auto answer = get("/keypair/k");
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.message(), HasSubstr("/nowhere/lib.so"));
    EXPECT_THAT(answer.message(), HasSubstr("pkcs11_lib_path"));
}

TEST_F(KeydWithToken, ABrokenUriKeepsKeydFromStartingAndIsNamedWithoutItsPin) {
    device->write_settings(Service::keyd, settings("pkcs11:tokn=edge?pin-value=1234", ""));
    const pid_t child = ::fork();
    if (child == 0) {
        ::setenv("MUSTER_DEVICE_ROOT", device->paths().root().c_str(), 1);
        ::execl("/proc/self/exe", "aziot-keyd", nullptr);
        ::_exit(127);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST_F(KeydWithToken, ManyAtOnce) {
    start();
    const auto key = new_pair("k");
    const auto digest = base64_encode(Bytes(32, 7));
    std::atomic<int> good = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i)
        callers.emplace_back([&] {
            for (int n = 0; n < 10; ++n)
                good +=
                    post("/sign",
                         {{"keyHandle", key}, {"algorithm", "ECDSA"}, {"parameters", json::object{{"digest", digest}}}})
                                .status == 200
                        ? 1
                        : 0;
        });
    for (auto& caller : callers) caller.join();
    EXPECT_EQ(good, 80);
}

}  // namespace
}  // namespace muster::edge
