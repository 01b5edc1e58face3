// A token's library that does not come back from a call, and one that has few sessions: what keyd does for everybody
// else, and for its own end.
#include <gmock/gmock.h>

#include <csignal>
#include <thread>

#include "base/file.h"
#include "device.h"
#include "edge/keyd/remote_key.h"
#include "support/soft_hsm.h"

namespace muster::edge {
namespace {

using namespace std::chrono_literals;
using ::muster::testing::SoftHsm;
using testing::Answer;
using testing::Device;
using ::testing::HasSubstr;

constexpr auto version = "?api-version=2021-05-01";

class BadLibrary : public ::testing::Test {
protected:
    void SetUp() override {
        MUSTER_NEEDS_SOFT_HSM();
        hsm.emplace();
        hsm->make_token("edge", "1234");
        hsm->make_token("other", "1234");
        hsm->tool(
            "--token-label other --login --pin 1234 --keypairgen --key-type EC:prime256v1 --label far --usage-sign");
        hsm->tool(
            "--token-label edge --login --pin 1234 --keypairgen --key-type EC:prime256v1 --label one --usage-sign");
        hsm->tool(
            "--token-label edge --login --pin 1234 --keypairgen --key-type EC:prime256v1 --label two --usage-sign");
        device.emplace();
        hang = device->paths().root() / "hang";
        ::setenv("MUSTER_HANG", hang.c_str(), 1);
        device->write_settings(
            Service::keyd,
            fmt::format("max_requests = 2\n[aziot_keys]\npkcs11_lib_path = \"{}\"\npkcs11_timeout_sec = 2\n"
                        "[preloaded_keys]\none = \"pkcs11:token=edge;object=one?pin-value=1234\"\n"
                        "two = \"pkcs11:token=edge;object=two?pin-value=1234\"\n"
                        "far = \"pkcs11:token=other;object=far?pin-value=1234\"\n",
                        BAD_LIBRARY));
    }
    void TearDown() override {
        ::unsetenv("MUSTER_HANG");
        ::unsetenv("MUSTER_SESSIONS");
        std::error_code ignored;
        std::filesystem::remove(hang, ignored);
    }
    Answer post(const std::string& path, const json::object& body) const {
        return device->call(Service::keyd, "POST", path + version, body);
    }
    std::string handle(const std::string& id) const {
        const auto answer = device->call(Service::keyd, "GET", "/keypair/" + id + version);
        EXPECT_EQ(answer.status, 200) << answer.message();
        return string_or(answer.body, "keyHandle");
    }
    Answer sign(const std::string& key) const {
        return post("/sign", {{"keyHandle", key},
                              {"algorithm", "ECDSA"},
                              {"parameters", json::object{{"digest", base64_encode(Bytes(32, 7))}}}});
    }

    bool gave_up() const { return device->log(Service::keyd).find("has not answered") != std::string::npos; }

    std::optional<SoftHsm> hsm;
    std::optional<Device> device;
    std::filesystem::path hang;
};

TEST_F(BadLibrary, ThatHangsCostsItsOwnCallersAnErrorAndNobodyElseAnything) {
    device->start(Service::keyd);
    const auto one = handle("one");
    const auto two = handle("two");
    ASSERT_EQ(sign(one).status, 200);
    ASSERT_TRUE(write_file_atomic(hang, "", 0600));
    Answer answer;
    std::thread caller([&] { answer = sign(one); });
    // Keys in files know nothing of it.
    const auto in_file = post("/keypair", {{"keyId", "file"}, {"preferredAlgorithms", "ec-p256"}});
    EXPECT_EQ(in_file.status, 200) << in_file.message();
    EXPECT_EQ(sign(string_or(in_file.body, "keyHandle")).status, 200);
    caller.join();
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.message(), HasSubstr("key \"one\": the token's library has not answered for"));
    EXPECT_THAT(answer.message(), HasSubstr("iotedge system restart"));
    // Asked again it does not cost a thread; another key of the token is still tried.
    EXPECT_EQ(sign(one).status, 500);
    EXPECT_FALSE(handle("two").empty()) << "what does not hang is served";

    std::filesystem::remove(hang);
    Answer back;
    for (int tries = 0; tries < 100 && back.status != 200; ++tries) {
        std::this_thread::sleep_for(20ms);
        back = sign(one);
    }
    EXPECT_EQ(back.status, 200) << back.message() << device->log(Service::keyd);
    EXPECT_EQ(sign(two).status, 200);
}

TEST_F(BadLibrary, ThatHangsForManyKeepsNobodyFromKeysInFilesAndInOtherTokens) {
    device->start(Service::keyd);
    const auto one = handle("one");
    ASSERT_EQ(sign(one).status, 200);
    ASSERT_TRUE(write_file_atomic(hang, "edge", 0600));
    std::vector<Answer> answers(12);
    {
        std::vector<std::jthread> callers;
        for (auto& answer : answers) callers.emplace_back([&] { answer = sign(one); });
        std::this_thread::sleep_for(100ms);
        // A login with another token, and a key in a file.
        const auto far = sign(handle("far"));
        EXPECT_EQ(far.status, 200) << far.message();
        const auto in_file = post("/keypair", {{"keyId", "file"}, {"preferredAlgorithms", "ec-p256"}});
        EXPECT_EQ(in_file.status, 200) << in_file.message();
        EXPECT_FALSE(gave_up()) << "nobody waited for the token when the others were served";
    }
    for (const auto& answer : answers) {
        EXPECT_EQ(answer.status, 500);
        EXPECT_THAT(answer.message(), HasSubstr("key \"one\": the token's library has not answered for"));
    }
}

TEST_F(BadLibrary, ThatHangsInALoginKeepsNobodyFromOtherTokens) {
    ASSERT_TRUE(write_file_atomic(hang, "edge", 0600));
    device->start(Service::keyd);
    Answer answer;
    const std::jthread caller(
        [&] { answer = device->call(Service::keyd, "GET", std::string("/keypair/one") + version); });
    std::this_thread::sleep_for(100ms);
    const auto far = sign(handle("far"));
    EXPECT_EQ(far.status, 200) << far.message();
    EXPECT_FALSE(gave_up()) << "nobody waited for the token when the other was asked";
}

TEST_F(BadLibrary, ThatHangsDoesNotKeepKeydFromEnding) {
    device->start(Service::keyd);
    const auto one = handle("one");
    ASSERT_TRUE(write_file_atomic(hang, "", 0600));
    EXPECT_EQ(sign(one).status, 500);
    device->stop(Service::keyd, SIGTERM);
    EXPECT_THAT(device->log(Service::keyd), HasSubstr("keyd ends without it"));
}

TEST_F(BadLibrary, WithOneSessionServesAllKeysOfItsToken) {
    ::setenv("MUSTER_SESSIONS", "1", 1);
    device->start(Service::keyd);
    const auto one = handle("one");
    const auto two = handle("two");
    for (const auto& key : {one, two, one}) {
        const auto answer = sign(key);
        EXPECT_EQ(answer.status, 200) << answer.message();
    }
}

}  // namespace
}  // namespace muster::edge
