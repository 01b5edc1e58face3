// aziot-tpmd's API on a TPM of its own.
#include <gmock/gmock.h>

#include <csignal>

#include "device.h"
#include "edge/tpmd/settings.h"
#include "pki/key.h"
#include "software_tpm.h"
#include "wire/tpm/activation.h"

namespace muster::edge::testing {
namespace {

using ::testing::HasSubstr;
using wire::tpm::StorageKey;

class Tpmd : public ::testing::Test {
protected:
    void begin(const std::string& more = "") {
        device_.write_settings(Service::tpmd, fmt::format("tcti = \"{}\"\n{}", tpm_.tcti(), more));
        device_.start(Service::tpmd);
    }
    Answer get_keys() { return device_.call(Service::tpmd, "GET", "/get_tpm_keys?api-version=2020-09-01"); }
    Answer post(const std::string& path, const json::object& body) {
        return device_.call(Service::tpmd, "POST", path + "?api-version=2020-09-01", body);
    }
    Answer import(ByteView blob) { return post("/import_auth_key", {{"key", base64_encode(blob)}}); }
    Answer sign(std::string_view text) {
        return post("/sign_with_auth_key", {{"data", base64_encode(as_bytes(text))}});
    }
    static StorageKey key_of(const Answer& keys, std::string_view name) {
        auto key = StorageKey::from_base64(string_or(keys.body, name));
        EXPECT_TRUE(key) << key.error().chain() << keys.message();
        return std::move(*key);
    }
    Bytes wrapped(ByteView key) {
        const auto keys = get_keys();
        return wire::tpm::make_activation_blob(key_of(keys, "endorsement_key"), key_of(keys, "storage_root_key"), key,
                                               random_)
            .value();
    }
    static std::string digest(ByteView key, std::string_view text) {
        return base64_encode(pki::hmac_sha256(key, as_bytes(text)));
    }

    test::SoftwareTpm tpm_;
    Device device_;
    SystemRandom random_;
};

TEST_F(Tpmd, MakesItsKeysOnceAndForGood) {
    begin();
    const auto first = get_keys();
    ASSERT_EQ(first.status, 200) << first.message();
    tpm_.tool("tpm2_readpublic -c 0x81010001 -o ek.pub");
    tpm_.tool("tpm2_readpublic -c 0x81000001 -o srk.pub");
    EXPECT_EQ(string_or(first.body, "endorsement_key"), base64_encode(tpm_.read("ek.pub")));
    EXPECT_EQ(string_or(first.body, "storage_root_key"), base64_encode(tpm_.read("srk.pub")));
    EXPECT_EQ(get_keys().body, first.body);
    device_.stop(Service::tpmd, SIGTERM);
    device_.start(Service::tpmd);
    EXPECT_EQ(get_keys().body, first.body);
}

TEST_F(Tpmd, ItsEndorsementKeyIsTheOneThatTheIndustryKnows) {
    tpm_.tool("tpm2_createek -G rsa -c 0x81010009 -u ek.pub");
    begin();
    EXPECT_EQ(string_or(get_keys().body, "endorsement_key"), base64_encode(tpm_.read("ek.pub")));
}

TEST_F(Tpmd, TakesTheKeysThatAreThere) {
    tpm_.tool("tpm2_createek -G ecc -c 0x81010001 -u ek.pub");
    begin();
    EXPECT_EQ(string_or(get_keys().body, "endorsement_key"), base64_encode(tpm_.read("ek.pub")));
    const Bytes key = random_.bytes(32);
    EXPECT_EQ(import(wrapped(key)).status, 200);
    EXPECT_EQ(string_or(sign("x").body, "digest"), digest(key, "x"));
}

TEST_F(Tpmd, SignsWithTheKeyThatItWasGivenLast) {
    begin();
    const auto none = sign("x");
    EXPECT_EQ(none.status, 400);
    EXPECT_THAT(none.message(), HasSubstr("holds no authentication key (0x81000100)"));
    const Bytes first = random_.bytes(32), second = random_.bytes(64);
    ASSERT_EQ(import(wrapped(first)).status, 200);
    EXPECT_EQ(string_or(sign("abc").body, "digest"), digest(first, "abc"));
    ASSERT_EQ(import(wrapped(second)).status, 200);
    const std::string longer(5000, 'l');  // than the TPM takes at once
    EXPECT_EQ(string_or(sign("abc").body, "digest"), digest(second, "abc"));
    EXPECT_EQ(string_or(sign(longer).body, "digest"), digest(second, longer));
    // The key outlives both programs.
    device_.stop(Service::tpmd, SIGTERM);
    tpm_.stop();
    tpm_.start();
    device_.start(Service::tpmd);
    EXPECT_EQ(string_or(sign("abc").body, "digest"), digest(second, "abc"));
}

TEST_F(Tpmd, AnswersAChallengeWithoutLosingItsKey) {
    begin();
    const Bytes key = random_.bytes(32), challenge = random_.bytes(32);
    ASSERT_EQ(import(wrapped(key)).status, 200);
    for (int i = 0; i < 5; ++i) {  // nothing is left in the TPM's few slots
        const auto answer = post("/sign_with_wrapped_key", {{"key", base64_encode(wrapped(challenge))},
                                                            {"data", base64_encode(as_bytes("nonce"))}});
        ASSERT_EQ(answer.status, 200) << answer.message();
        EXPECT_EQ(string_or(answer.body, "digest"), digest(challenge, "nonce"));
    }
    EXPECT_EQ(string_or(sign("abc").body, "digest"), digest(key, "abc"));
    EXPECT_EQ(tpm_.tool("tpm2_getcap handles-transient"), "");
    EXPECT_EQ(tpm_.tool("tpm2_getcap handles-loaded-session"), "");
}

TEST_F(Tpmd, KeepsItsKeyWhenTheNextIsNoGood) {
    begin();
    const Bytes key = random_.bytes(32);
    const auto good = wrapped(key);
    ASSERT_EQ(import(good).status, 200);
    auto broken = good;
    broken[40] ^= 1;  // in the credential
    EXPECT_EQ(import(broken).status, 400);
    EXPECT_THAT(import(broken).message(), HasSubstr("was not made for this TPM"));
    EXPECT_EQ(import(ByteView(good).first(100)).status, 400);
    EXPECT_EQ(import(Bytes(900, 0xFF)).status, 400);
    EXPECT_EQ(post("/import_auth_key", {{"key", "not base64"}}).status, 400);
    const test::SoftwareTpm stranger;
    stranger.tool("tpm2_createek -G rsa -c 0x81010001 -u ek.pub");
    const auto endorsement = StorageKey::parse(stranger.read("ek.pub"));
    const auto keys = get_keys();
    const auto foreign =
        wire::tpm::make_activation_blob(*endorsement, key_of(keys, "storage_root_key"), random_.bytes(32), random_);
    EXPECT_EQ(import(*foreign).status, 400);
    EXPECT_EQ(string_or(sign("abc").body, "digest"), digest(key, "abc"));
    EXPECT_EQ(tpm_.tool("tpm2_getcap handles-transient"), "");
    EXPECT_EQ(tpm_.tool("tpm2_getcap handles-loaded-session"), "");
}

TEST_F(Tpmd, FindsTheTpmAgainThatWasAway) {
    begin();
    ASSERT_EQ(get_keys().status, 200);
    tpm_.stop();
    const auto away = get_keys();
    EXPECT_EQ(away.status, 500);
    EXPECT_THAT(away.message(), HasSubstr("the TPM cannot be reached by way of \"swtpm:"));
    EXPECT_THAT(away.message(), HasSubstr("to mend it: correct tcti in [tpm]"));
    tpm_.start();
    EXPECT_EQ(get_keys().status, 200);
}

TEST_F(Tpmd, SaysWhichDeviceIsNotThere) {
    device_.write_settings(Service::tpmd, "tcti = \"device:/dev/no-such-tpm\"\n");
    device_.start(Service::tpmd);
    const auto answer = get_keys();
    EXPECT_EQ(answer.status, 500);
    EXPECT_THAT(answer.message(), HasSubstr("/dev/no-such-tpm: No such file or directory"));
    EXPECT_THAT(answer.message(), HasSubstr("to mend it: turn the TPM on"));
}

TEST_F(Tpmd, NeedsTheHierarchiesPasswordsWhereThereAreAny) {
    tpm_.tool("tpm2_changeauth -c o owner-word");
    tpm_.tool("tpm2_changeauth -c e endorsement-word");
    begin();
    const auto refused = get_keys();
    EXPECT_EQ(refused.status, 500);
    EXPECT_THAT(refused.message(), HasSubstr("hierarchy_authorization"));
    device_.stop(Service::tpmd, SIGTERM);
    begin(
        "auth_key_index = 0x1234\n[hierarchy_authorization]\nowner = \"owner-word\"\nendorsement = "
        "\"endorsement-word\"\n");
    const Bytes key = random_.bytes(32);
    ASSERT_EQ(import(wrapped(key)).status, 200);
    EXPECT_EQ(string_or(sign("abc").body, "digest"), digest(key, "abc"));
    EXPECT_THAT(tpm_.tool("tpm2_getcap handles-persistent"), HasSubstr("0x81001234"));
    EXPECT_THAT(device_.log(Service::tpmd), ::testing::Not(HasSubstr("owner-word")));
}

TEST(TpmdSettings, TheIndexIsNoOtherKeysPlace) {
    EXPECT_THAT(tpmd::Settings::from({{"auth_key_index", 1}}).error().chain(), HasSubstr("the storage root key"));
    EXPECT_THAT(tpmd::Settings::from({{"auth_key_index", 0x10001}}).error().chain(), HasSubstr("the endorsement key"));
    EXPECT_TRUE(tpmd::Settings::from({{"auth_key_index", 2}}));
}

TEST_F(Tpmd, AnswersAsTheOriginalDoes) {
    begin();
    const auto curl = [&](const std::string& arguments) { return device_.curl(Service::tpmd, arguments); };
    EXPECT_THAT(curl("http://x/get_tpm_keys"), HasSubstr(" 400"));
    EXPECT_THAT(curl("'http://x/nothing?api-version=2020-09-01'"), HasSubstr(" 404"));
    EXPECT_THAT(curl("-X POST 'http://x/get_tpm_keys?api-version=2020-09-01'"), HasSubstr(" 400"));
    EXPECT_THAT(curl("-d x 'http://x/sign_with_auth_key?api-version=2020-09-01'"), HasSubstr(" 415"));
    EXPECT_EQ(post("/sign_with_auth_key", {{"other", "x"}}).status, 422);
    std::printf("aziot-tpmd: %ld KiB proportional\n", device_.memory(Service::tpmd, "Pss"));
}

}  // namespace
}  // namespace muster::edge::testing
