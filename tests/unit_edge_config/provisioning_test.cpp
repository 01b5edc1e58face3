// [provisioning] in all its forms, [proxy] and parent_hostname: what is refused and how it is said, and what becomes of
// the keys (facts/device.md 1.2, 1.3). What a good file becomes is in tests/golden/device_config.
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "fixture.h"

namespace muster::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view key_text = "YXppb3QtaWRlbnRpdHktc2VydmljZXxrZXk=";
constexpr std::string_view key_bytes = "aziot-identity-service|key";

const std::string by_hand = "[provisioning]\nsource = \"manual\"\n";
const std::string with_key = "[provisioning.authentication]\nmethod = \"sas\"\n";

std::string string_for(const std::string& text) {
    return by_hand + "connection_string = \"" + text + "\"\n";
}

std::string dps(const std::string& attestation) {
    return "[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://dps.example\"\nid_scope = \"0ne1\"\n"
           "[provisioning.attestation]\n" +
           attestation;
}

struct Wrong {
    const char* name;
    std::string text;
    std::string said;
};

class WrongProvisioning : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongProvisioning, IsSaidInOneSentenceWithoutTheKey) {
    auto config = Config::parse(GetParam().text, "c.toml");
    ASSERT_TRUE(config) << config.error().chain();
    (void)understand(*config);
    const auto problems = config->problems();
    ASSERT_EQ(problems.size(), 1U) << GetParam().text;
    EXPECT_THAT(problems[0].text(), HasSubstr(GetParam().said));
    EXPECT_GT(problems[0].line, 0U);
    EXPECT_THAT(problems[0].text() + problems[0].hint, Not(HasSubstr("YXpp")));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, WrongProvisioning,
    ::testing::Values(
        Wrong{"no_host", string_for("DeviceId=d;SharedAccessKey=YXpp"), "connection_string: lacks HostName=..."},
        Wrong{"no_device", string_for("HostName=h;SharedAccessKey=YXpp"), "lacks DeviceId=..."},
        Wrong{"no_key", string_for("HostName=h;DeviceId=d"), "lacks SharedAccessKey=..."},
        Wrong{"empty_device", string_for("HostName=h;DeviceId=;SharedAccessKey=YXpp"), "has an empty DeviceId"},
        Wrong{"placeholder", string_for("HostName=h;DeviceId=<DEVICE ID>;SharedAccessKey=YXpp"),
              "still the template's"},
        Wrong{"key_not_base64", string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp*"),
              "has a SharedAccessKey that is not base64"},
        Wrong{"a_services_string", string_for("HostName=h;SharedAccessKeyName=iothubowner;SharedAccessKey=YXpp"),
              "is a service's, with SharedAccessKeyName"},
        Wrong{"a_certificates_string", string_for("HostName=h;DeviceId=d;x509=true"), "is one of a certificate"},
        Wrong{"host_with_scheme", string_for("HostName=https://h;DeviceId=d;SharedAccessKey=YXpp"),
              "has a HostName that must be host[:port]"},
        Wrong{"string_and_host", string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp") + "iothub_hostname = \"h\"\n",
              "iothub_hostname: is understood only with no connection_string beside it"},
        Wrong{"manual_without_authentication", by_hand + "iothub_hostname = \"h\"\ndevice_id = \"d\"\n",
              "provisioning.authentication: is missing"},
        Wrong{"manual_without_host", by_hand + "device_id = \"d\"\n" + with_key + "device_id_pk = {value = \"YXpp\"}\n",
              "provisioning.iothub_hostname: is missing"},
        Wrong{"manual_without_device",
              by_hand + "iothub_hostname = \"h\"\n" + with_key + "device_id_pk = {value = \"YXpp\"}\n",
              "provisioning.device_id: is missing"},
        Wrong{"device_id_with_space",
              by_hand + "iothub_hostname = \"h\"\ndevice_id = \"d 1\"\n" + with_key +
                  "device_id_pk = {value = \"YXpp\"}\n",
              "provisioning.device_id: has the character \" \""},
        Wrong{"manual_without_key", by_hand + "iothub_hostname = \"h\"\ndevice_id = \"d\"\n" + with_key,
              "device_id_pk: is missing"},
        Wrong{"manual_with_method_of_dps",
              by_hand + "iothub_hostname = \"h\"\ndevice_id = \"d\"\n[provisioning.authentication]\nmethod = "
                        "\"symmetric_key\"\n",
              "unknown value \"symmetric_key\""},
        Wrong{"manual_with_keys_of_dps",
              string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp") + "id_scope = \"0ne1\"\n",
              "id_scope: is understood only with source = \"dps\""},
        Wrong{"none_with_keys_of_manual", "[provisioning]\nsource = \"none\"\ndevice_id = \"d\"\n",
              "device_id: is understood only with source = \"manual\""},
        Wrong{"key_both_ways",
              dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = { value = \"YXpp\", uri = "
                  "\"file:///k\" }\n"),
              "symmetric_key: needs one of value and uri"},
        Wrong{"key_no_way", dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = {}\n"),
              "symmetric_key: needs one of value and uri"},
        Wrong{"key_missing", dps("method = \"symmetric_key\"\nregistration_id = \"d\"\n"), "symmetric_key: is missing"},
        Wrong{"key_as_text", dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = \"YXpp\"\n"),
              "symmetric_key: must be a table, not a string"},
        Wrong{"key_not_base64_in_dps",
              dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = { value = \"YXpp*\" }\n"),
              "symmetric_key.value: must be base64"},
        Wrong{"key_empty",
              dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = { value = \"\" }\n"),
              "symmetric_key.value: is empty"},
        Wrong{"key_without_registration_id", dps("method = \"symmetric_key\"\nsymmetric_key = { value = \"YXpp\" }\n"),
              "registration_id: is missing"},
        Wrong{"key_with_certificate",
              dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = { value = \"YXpp\" }\n"
                  "identity_cert = \"file:///c\"\n"),
              "identity_cert: is understood only with method = \"x509\""},
        Wrong{"proxy_without_url", string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp") + "[proxy]\n",
              "proxy.url: is missing"},
        Wrong{"proxy_over_tls",
              string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp") + "[proxy]\nurl = \"https://p:3128\"\n",
              "proxy.url: must begin with http://"},
        Wrong{"proxy_with_slash_in_password",
              string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp") + "[proxy]\nurl = \"http://u:YXpp/@p:3128\"\n",
              "write it %2F"},
        Wrong{"proxy_exceptions_in_one_text",
              string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp") +
                  "[proxy]\nurl = \"http://p:3128\"\nno_proxy = [\"a,b\"]\n",
              "each host is a text of its own"},
        Wrong{"two_parents",
              "parent_hostname = \"p\"\nlocal_gateway_hostname = \"p\"\n" +
                  string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp"),
              "is another name of parent_hostname"},
        Wrong{"parent_with_dps",
              "parent_hostname = \"p\"\n" +
                  dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = { value = \"YXpp\" }\n"),
              "nested edge"},
        Wrong{"unknown_mode",
              "auto_reprovisioning_mode = \"OnStartup\"\n" + string_for("HostName=h;DeviceId=d;SharedAccessKey=YXpp"),
              "allowed: \"Dynamic\", \"AlwaysOnStartup\""}),
    [](const auto& info) { return info.param.name; });

class ProvisioningFiles : public DeviceFixture {
protected:
    void configure(const std::string& text) const { write("etc/aziot/config.toml", text, 0600); }
    void configure_key_file() const {
        configure(dps("method = \"symmetric_key\"\nregistration_id = \"d\"\nsymmetric_key = { uri = \"file://" +
                      at("shared.key").string() + "\" }\n"));
    }
};

TEST_F(ProvisioningFiles, AKeyInTheFileGoesWhereKeydAloneReadsIt) {
    configure(string_for("HostName=hub.example;DeviceId=d;SharedAccessKey=" + std::string(key_text)));
    const auto outcome = run();
    ASSERT_TRUE(outcome) << outcome.error().chain();
    ASSERT_TRUE(outcome->written);
    const auto file = paths_.secrets_directory() / "keyd/device-id";
    EXPECT_EQ(outcome->key_files, std::vector{file});
    EXPECT_EQ(read_file(file), std::string(key_bytes));
    struct stat status{};
    ASSERT_EQ(stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U);
    ASSERT_EQ(stat(file.parent_path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    EXPECT_THAT(*read_file(paths_.generated_config("keyd")), HasSubstr("device-id = \"file://" + file.string()));
    for (const auto* service : {"keyd", "certd", "identityd", "tpmd", "edged"}) {
        const auto text = *read_file(paths_.generated_config(service));
        EXPECT_THAT(text, Not(HasSubstr(std::string(key_text))));
        EXPECT_THAT(text, Not(HasSubstr(std::string(key_bytes))));
    }
}

TEST_F(ProvisioningFiles, TheEncryptionKeyOfOldGoesThereToo) {
    const auto old = at("edgelet-master.enc.key");
    const auto text = "imported_master_encryption_key = \"" + old.string() + "\"\n" +
                      string_for("HostName=hub.example;DeviceId=d;SharedAccessKey=" + std::string(key_text));
    configure(text);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("imported_master_encryption_key: ")));
    write("edgelet-master.enc.key", "too short", 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("has 9 bytes; an encryption key has 32")));
    const std::string key(32, '\x07');
    write("edgelet-master.enc.key", key, 0600);
    const auto outcome = run();
    ASSERT_TRUE(outcome) << outcome.error().chain();
    const auto file = paths_.secrets_directory() / "keyd/imported-master-encryption-key";
    EXPECT_EQ(outcome->key_files.size(), 2U);
    EXPECT_EQ(read_file(file), key);
    EXPECT_THAT(*read_file(paths_.generated_config("keyd")),
                HasSubstr("iotedge_master_encryption_id = \"file://" + file.string()));
}

// Killed at each step: the key and the five files are all old or all new, and nothing staged is left lying about.
TEST_F(ProvisioningFiles, TheKeyChangesWithTheFilesOrNotAtAll) {
    const auto with = [&](const std::string& device, std::string_view bytes) {
        configure(string_for("HostName=hub.example;DeviceId=" + device +
                             ";SharedAccessKey=" + base64_encode(as_bytes(bytes))));
    };
    const auto directory = paths_.secrets_directory() / "keyd";
    int rounds = 0;
    for (bool died = true; died; ++rounds) {
        with("old", "the old key of this device");
        ASSERT_TRUE(run()->written);
        with("new", "the new key of this device");
        const pid_t child = fork();
        if (child == 0) {
            int step = 0;
            (void)run(false, [&](std::string_view) {
                if (step++ == rounds) kill(getpid(), SIGKILL);
            });
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        died = WIFSIGNALED(status);
        ASSERT_TRUE(recover_interrupted_apply(paths_));
        const auto key = *read_file(directory / "device-id");
        const auto settings = *read_file(paths_.generated_config("identityd"));
        const bool is_new = settings.find("device_id = \"new\"") != std::string::npos;
        EXPECT_EQ(key, is_new ? "the new key of this device" : "the old key of this device") << "round " << rounds;
        EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory), {}), 1) << "round " << rounds;
    }
    EXPECT_EQ(rounds, 15);  // as with five files, and the key twice
}

TEST_F(ProvisioningFiles, AKeyOfUnusualSizeIsAWarning) {
    configure(string_for("HostName=hub.example;DeviceId=d;SharedAccessKey=YXpp"));
    EXPECT_THAT(problems(), IsEmpty());
    ASSERT_EQ(warnings().size(), 1U);
    EXPECT_THAT(warnings()[0].message, HasSubstr("has 3 bytes; a service's keys have 16 to 64"));
}

TEST_F(ProvisioningFiles, TheKeysFileIsLookedInto) {
    configure_key_file();
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("shared.key does not exist")));
    write("shared.key", std::string(key_text) + "\n", 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("holds base64 text")));
    write("shared.key", "", 0600);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("is empty")));
    write("shared.key", std::string(key_bytes), 0644);
    EXPECT_THAT(problems(), IsEmpty());
    ASSERT_EQ(warnings().size(), 1U);
    EXPECT_THAT(warnings()[0].message, HasSubstr("can be read by others"));
}

TEST_F(ProvisioningFiles, ACertificateForAHubNeedsNoCommonName) {
    const auto text = by_hand + "iothub_hostname = \"hub.example\"\ndevice_id = \"quite-another\"\n" +
                      "[provisioning.authentication]\nmethod = \"x509\"\nidentity_cert = \"file://" +
                      at("chain.pem").string() + "\"\nidentity_pk = \"file://" + at("key.pem").string() + "\"\n";
    configure(text);
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_THAT(warnings(), IsEmpty());
    std::filesystem::remove(at("key.pem"));
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("provisioning.authentication.identity_pk")));
}

TEST_F(ProvisioningFiles, TheHubTheParentAndTheProxyMustHaveKnownNames) {
    lookup_ = Lookup::no_such_name;
    const auto text = string_for("HostName=hub.example;DeviceId=d;SharedAccessKey=" + std::string(key_text));
    configure(text);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("the name \"hub.example\" is not known")));
    configure("parent_hostname = \"gateway\"\n" + text);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("parent_hostname: the name \"gateway\" is not known")));
    // The proxy looks the hub's name up, and its own must be known.
    configure(text + "[proxy]\nurl = \"http://u:p@proxy.example:3128\"\n");
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("proxy.url: the name \"proxy.example\" is not known")));
    configure(text + "[proxy]\nurl = \"http://proxy.example:3128\"\nno_proxy = [\"example\"]\n");
    EXPECT_EQ(problems().size(), 2U);
}

TEST_F(ProvisioningFiles, TheProxysAuthoritiesAreLookedInto) {
    const auto text = string_for("HostName=hub.example;DeviceId=d;SharedAccessKey=" + std::string(key_text)) +
                      "[proxy]\nurl = \"http://p:1\"\nca = \"file://" + at("proxy-ca.pem").string() + "\"\n";
    configure(text);
    EXPECT_THAT(problems(), ElementsAre(HasSubstr("proxy-ca.pem does not exist")));
    write("proxy-ca.pem", chain_pem({&*root_ca_}), 0644);
    EXPECT_THAT(problems(), IsEmpty());
}

TEST_F(ProvisioningFiles, WithoutProvisioningNothingIsAskedFor) {
    lookup_ = Lookup::no_such_name;
    configure("[provisioning]\nsource = \"none\"\n");
    EXPECT_THAT(problems(), IsEmpty());
    EXPECT_TRUE(run()->key_files.empty());
}

}  // namespace
}  // namespace muster::edge
