// `muster cert` as people run it, its files judged by the `openssl` command.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <set>
#include <thread>

#include "base/file.h"
#include "base/text.h"
#include "command.h"
#include "pki/certificate.h"

namespace muster {
namespace {

using test::Outcome;
using test::run;

constexpr const char* kRoot = "certs/azure-iot-test-only.root.ca.cert.pem";
constexpr const char* kIntermediate = "certs/azure-iot-test-only.intermediate.cert.pem";

class CertCommand : public testing::Test {
protected:
    std::string at(const std::string& file) const { return (directory_.path() / file).string(); }
    bool exists(const std::string& file) const { return std::filesystem::exists(at(file)); }
    std::string content(const std::string& file) const { return read_file(at(file)).value_or(""); }
    mode_t mode(const std::string& file) const {
        struct stat status{};
        return ::stat(at(file).c_str(), &status) == 0 ? status.st_mode & 07777U : 0;
    }

    Outcome cert(std::vector<std::string> arguments) const {
        arguments.insert(arguments.begin(), {MUSTER_PROGRAM, "cert"});
        arguments.insert(arguments.end(), {"--dir", directory_.path().string()});
        return run(arguments);
    }
    void must(const std::vector<std::string>& arguments) const {
        const Outcome outcome = cert(arguments);
        ASSERT_EQ(outcome.exit_code, 0) << join(arguments, " ") << "\n" << outcome.output;
    }
    void make_authorities() const {
        must({"root"});
        must({"intermediate"});
    }

    std::string text_of(const std::string& file) const {
        return run({"openssl", "x509", "-noout", "-text", "-in", at(file)}).output;
    }
    // The leaf of the file along the work directory's chain.
    Outcome openssl_verify(const std::string& file, const char* purpose) const {
        return run({"openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", at(kRoot), "-untrusted",
                    at(kIntermediate), at(file)});
    }
    std::set<std::string> all_files() const {
        std::set<std::string> files;
        for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path())) {
            if (entry.is_regular_file()) files.insert(entry.path().lexically_relative(directory_.path()).string());
        }
        return files;
    }

    const test::TemporaryDirectory directory_;
};

void expect_all(const std::string& text, const std::vector<std::string>& parts) {
    for (const std::string& part : parts) EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
}

TEST_F(CertCommand, FilesAndModesAreThoseOfTheHowTo) {
    make_authorities();
    must({"device", "dev-1"});
    const std::set<std::string> expected = {
        kRoot,
        "private/azure-iot-test-only.root.ca.key.pem",
        kIntermediate,
        "certs/azure-iot-test-only.intermediate-full-chain.cert.pem",
        "csr/azure-iot-test-only.intermediate.csr.pem",
        "private/azure-iot-test-only.intermediate.key.pem",
        "certs/iot-edge-device-identity-dev-1.cert.pem",
        "certs/iot-edge-device-identity-dev-1-full-chain.cert.pem",
        "csr/iot-edge-device-identity-dev-1.csr.pem",
        "private/iot-edge-device-identity-dev-1.key.pem",
    };
    EXPECT_EQ(all_files(), expected);
    EXPECT_EQ(mode("private"), 0700U);
    EXPECT_EQ(mode("private/iot-edge-device-identity-dev-1.key.pem"), 0600U);
    EXPECT_EQ(mode("certs/iot-edge-device-identity-dev-1-full-chain.cert.pem"), 0644U);
}

TEST_F(CertCommand, FullChainIsLeafIntermediateRoot) {
    make_authorities();
    must({"device", "dev-1"});
    EXPECT_EQ(content("certs/iot-edge-device-identity-dev-1-full-chain.cert.pem"),
              content("certs/iot-edge-device-identity-dev-1.cert.pem") + content(kIntermediate) + content(kRoot));
    EXPECT_EQ(openssl_verify("certs/iot-edge-device-identity-dev-1-full-chain.cert.pem", "sslclient").exit_code, 0);
}

class EveryKey : public CertCommand, public testing::WithParamInterface<const char*> {};

TEST_P(EveryKey, VerifiesAlongItsChain) {
    for (const char* authority : {"root", "intermediate"}) must({authority, "--key", GetParam()});
    must({"device", "dev-1", "--key", GetParam()});
    must({"server", "host.example", "--key", GetParam()});
    must({"edge-ca", "gw-1", "--key", GetParam()});
    for (const auto& [file, purpose] : {std::pair("certs/iot-edge-device-identity-dev-1.cert.pem", "sslclient"),
                                        std::pair("certs/iot-edge-server-host.example.cert.pem", "sslserver"),
                                        std::pair("certs/iot-edge-device-ca-gw-1.cert.pem", "any"),
                                        std::pair(kIntermediate, "any"), std::pair(kRoot, "any")}) {
        const Outcome outcome = openssl_verify(file, purpose);
        EXPECT_EQ(outcome.exit_code, 0) << file << "\n" << outcome.output;
    }
    const Outcome ours = cert({"verify", at("certs/iot-edge-device-identity-dev-1.cert.pem"), "--purpose", "client"});
    EXPECT_EQ(ours.exit_code, 0) << ours.output;
    EXPECT_NE(ours.output.find("the private key fits"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Keys, EveryKey, testing::Values("ec:p256", "ec:p384", "rsa:2048"));

TEST_F(CertCommand, AuthoritiesSayWhatWasAsked) {
    must({"root", "--cn", "Plant 3 Root", "--key", "ec:p384", "--days", "100"});
    must({"intermediate", "--path-length", "1"});
    expect_all(text_of(kRoot),
               {"Subject: CN = Plant 3 Root", "ASN1 OID: secp384r1", "ecdsa-with-SHA384",
                "X509v3 Basic Constraints: critical\n                CA:TRUE\n",
                "X509v3 Key Usage: critical\n                Digital Signature, Certificate Sign, CRL Sign",
                "X509v3 Subject Key Identifier", "X509v3 Authority Key Identifier"});
    expect_all(text_of(kIntermediate), {"CN = Azure_IoT_Hub_Intermediate_Cert_Test_Only", "Issuer: CN = Plant 3 Root",
                                        "CA:TRUE, pathlen:1", "Certificate Sign, CRL Sign", "Version: 3"});
    const auto root = *pki::Certificate::from_pem(content(kRoot));
    const auto intermediate = *pki::Certificate::from_pem(content(kIntermediate));
    EXPECT_EQ(root.not_after(), intermediate.not_after()) << "nothing outlives its issuer";
    EXPECT_EQ(root.not_after() - root.not_before(), std::chrono::days(100) + std::chrono::minutes(5));
    EXPECT_EQ(root.serial_hex().size(), 32U);
}

TEST_F(CertCommand, LeavesSayWhatWasAsked) {
    make_authorities();
    must({"device", "dev-1", "--key", "rsa:2048", "--days", "7", "--san", "dev-1.local"});
    expect_all(text_of("certs/iot-edge-device-identity-dev-1.cert.pem"),
               {"Subject: CN = dev-1", "Public-Key: (2048 bit)", "CA:FALSE", "Digital Signature, Key Encipherment",
                "X509v3 Extended Key Usage: \n                TLS Web Client Authentication\n", "DNS:dev-1.local"});
    must({"server", "gw.example", "--san", "10.0.0.7", "--san", "::1", "--san", "*.gw.example"});
    expect_all(text_of("certs/iot-edge-server-gw.example.cert.pem"),
               {"Subject: CN = gw.example", "CA:FALSE", "TLS Web Server Authentication",
                "DNS:gw.example, DNS:*.gw.example, IP Address:10.0.0.7, IP Address:0:0:0:0:0:0:0:1"});
    must({"server", "192.168.1.9"});
    expect_all(text_of("certs/iot-edge-server-192.168.1.9.cert.pem"), {"IP Address:192.168.1.9"});
    must({"edge-ca", "gw-1"});
    expect_all(text_of("certs/iot-edge-device-ca-gw-1.cert.pem"), {"Subject: CN = gw-1.ca", "CA:TRUE"});
    must({"device", "other", "--cn", "pump-7"});
    expect_all(text_of("certs/iot-edge-device-identity-other.cert.pem"), {"Subject: CN = pump-7"});
}

TEST_F(CertCommand, VerificationIsSignedByTheRootUnlessToldOtherwise) {
    make_authorities();
    must({"verification", "106A5SD242AF512B"});
    const std::string file = "certs/iot-device-verification-code.cert.pem";
    expect_all(text_of(file), {"Subject: CN = 106A5SD242AF512B", "Issuer: CN = Azure_IoT_Hub_CA_Cert_Test_Only"});
    EXPECT_EQ(run({"openssl", "verify", "-CAfile", at(kRoot), at(file)}).exit_code, 0);
    must({"verification", "106A5SD242AF512B", "--ca", "intermediate", "--force"});
    expect_all(text_of(file), {"Issuer: CN = Azure_IoT_Hub_Intermediate_Cert_Test_Only"});
}

TEST_F(CertCommand, AnEdgeCaCanSignToo) {
    make_authorities();
    must({"edge-ca", "gw-1"});
    must({"server", "module.gw-1", "--ca", "iot-edge-device-ca-gw-1"});
    const auto chain = pki::parse_chain(content("certs/iot-edge-server-module.gw-1-full-chain.cert.pem"));
    ASSERT_TRUE(chain);
    EXPECT_EQ(chain->size(), 4U);
    EXPECT_EQ(
        run({"openssl", "verify", "-CAfile", at(kRoot), "-untrusted",
             at("certs/iot-edge-device-ca-gw-1-full-chain.cert.pem"), at("certs/iot-edge-server-module.gw-1.cert.pem")})
            .exit_code,
        0);
}

TEST_F(CertCommand, PfxAndRequestOpenInOpenssl) {
    make_authorities();
    must({"device", "dev-1", "--pfx"});
    EXPECT_EQ(mode("certs/iot-edge-device-identity-dev-1.cert.pfx"), 0600U);
    const auto pfx = [&](const char* password) {
        return run({"openssl", "pkcs12", "-in", at("certs/iot-edge-device-identity-dev-1.cert.pfx"), "-nodes",
                    "-passin", password});
    };
    EXPECT_NE(pfx("pass:4321").exit_code, 0);
    const Outcome opened = pfx("pass:1234");
    EXPECT_EQ(opened.exit_code, 0) << opened.output;
    expect_all(opened.output, {"BEGIN PRIVATE KEY", "friendlyName: dev-1"});
    EXPECT_EQ(pki::parse_chain(opened.output)->size(), 3U);
    const Outcome request = run(
        {"openssl", "req", "-verify", "-noout", "-subject", "-in", at("csr/iot-edge-device-identity-dev-1.csr.pem")});
    expect_all(request.output, {"verify OK", "subject=CN = dev-1"});
    EXPECT_TRUE(write_file_atomic(at("secret"), "correct horse\nbattery\n", 0600));
    must({"device", "dev-1", "--pfx", "--pfx-passphrase-file", at("secret"), "--force"});
    EXPECT_EQ(pfx("pass:correct horse").exit_code, 0);
}

TEST_F(CertCommand, NeverOverwritesUnlessForced) {
    make_authorities();
    must({"device", "dev-2"});
    const auto before = content("certs/iot-edge-device-identity-dev-2.cert.pem");
    const auto files = all_files();
    const Outcome refused = cert({"device", "dev-1", "dev-2", "dev-3"});
    EXPECT_EQ(refused.exit_code, 1);
    expect_all(refused.output, {at("certs/iot-edge-device-identity-dev-2.cert.pem"), "nothing was written", "--force"});
    EXPECT_EQ(all_files(), files);
    EXPECT_EQ(content("certs/iot-edge-device-identity-dev-2.cert.pem"), before);
    must({"device", "dev-1", "dev-2", "dev-3", "--force"});
    EXPECT_NE(content("certs/iot-edge-device-identity-dev-2.cert.pem"), before);
    EXPECT_EQ(cert({"root"}).exit_code, 1);
    EXPECT_EQ(cert({"verify", at("certs/iot-edge-device-identity-dev-2.cert.pem")}).exit_code, 0);
}

TEST_F(CertCommand, RefusesNamesWithTheReason) {
    make_authorities();
    const auto files = all_files();
    const auto refused = [&](const std::vector<std::string>& arguments, int code, const std::string& reason) {
        const Outcome outcome = cert(arguments);
        EXPECT_EQ(outcome.exit_code, code) << outcome.output;
        EXPECT_NE(outcome.output.find(reason), std::string::npos) << outcome.output;
    };
    refused({"device", "ok", std::string(65, 'x')}, 1, "65 characters; X.509 allows a CN at most 64");
    refused({"device", "--count", "10", "--prefix", std::string(63, 'x')}, 1, "at most 64");
    refused({"edge-ca", std::string(62, 'x')}, 1, "65 characters");
    refused({"device", "../../etc/passwd"}, 1, "not a path");
    refused({"device", "a/b"}, 1, "not a path");
    refused({"device", ".hidden"}, 1, "must not begin with a dot");
    refused({"device", ""}, 1, "it is empty");
    refused({"device", "a\nb"}, 1, "control characters");
    refused({"edge-ca", "a/b"}, 1, "not a path");
    refused({"server", "a/b"}, 1, "not a path");
    refused({"server", "a b"}, 1, "not a DNS name");
    refused({"device", "x", "--ca", "../x"}, 1, "not a path");
    refused({"device"}, 2, "name the devices");
    refused({"device", "a", "a"}, 2, "\"a\" is named twice");
    refused({"device", "a", "--count", "3", "--prefix", "b"}, 2, "name the devices");
    refused({"device", "--count", "3"}, 2, "--count needs --prefix");
    refused({"device", "a", "b", "--cn", "c"}, 2, "single NAME");
    refused({"device", "a", "--key", "rsa:1024"}, 2, "unknown key kind");
    refused({"device", "a", "--days", "0"}, 2, "--days");
    refused({"device", "a", "--force", "--resume"}, 2, "exclude each other");
    refused({"devise", "a"}, 2, "did you mean");
    EXPECT_EQ(all_files(), files);
}

TEST_F(CertCommand, SaysWhichCommandMakesTheMissingCa) {
    expect_all(cert({"device", "dev-1"}).output, {"there is no " + at(kIntermediate), "muster cert intermediate"});
    expect_all(cert({"intermediate"}).output, {"there is no " + at(kRoot), "muster cert root"});
    EXPECT_TRUE(all_files().empty());
    EXPECT_FALSE(exists("private"));
}

TEST_F(CertCommand, TheIssuersKeyMustBeItsOwn) {
    make_authorities();
    std::filesystem::copy_file(at("private/azure-iot-test-only.root.ca.key.pem"),
                               at("private/azure-iot-test-only.intermediate.key.pem"),
                               std::filesystem::copy_options::overwrite_existing);
    const Outcome outcome = cert({"device", "dev-1"});
    EXPECT_EQ(outcome.exit_code, 1);
    EXPECT_NE(outcome.output.find("is not the key of"), std::string::npos) << outcome.output;
}

TEST_F(CertCommand, WorksWithTheEncryptedCaOfTheOriginalScripts) {
    make_authorities();
    const std::string key = at("private/azure-iot-test-only.intermediate.key.pem");
    const std::string locked_key = at("locked.pem");
    ASSERT_EQ(run({"openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:1234", "-out", locked_key}).exit_code,
              0);
    std::filesystem::rename(locked_key, key);
    const Outcome locked = cert({"device", "dev-1"});
    EXPECT_EQ(locked.exit_code, 1);
    expect_all(locked.output, {"the private key is encrypted", "MUSTER_CA_PASSPHRASE"});
    ::setenv("MUSTER_CA_PASSPHRASE", "1234", 1);
    must({"device", "dev-1"});
    ::setenv("MUSTER_CA_PASSPHRASE", "wrong", 1);
    EXPECT_EQ(cert({"device", "dev-2"}).exit_code, 1);
    ::unsetenv("MUSTER_CA_PASSPHRASE");
    EXPECT_TRUE(write_file_atomic(at("passphrase"), "1234\n", 0600));
    must({"device", "dev-2", "--ca-passphrase-file", at("passphrase")});
}

TEST_F(CertCommand, FleetsAreNumberedAndEachMemberIsWhole) {
    make_authorities();
    must({"device", "--count", "300", "--prefix", "pump-", "--start", "8"});
    EXPECT_TRUE(exists("certs/iot-edge-device-identity-pump-008-full-chain.cert.pem"));
    EXPECT_TRUE(exists("private/iot-edge-device-identity-pump-307.key.pem"));
    EXPECT_FALSE(exists("private/iot-edge-device-identity-pump-308.key.pem"));
    std::set<std::string> keys;
    for (int number = 8; number < 308; ++number) {
        const std::string name = fmt::format("pump-{:03}", number);
        const auto leaf = pki::Certificate::from_pem(content("certs/iot-edge-device-identity-" + name + ".cert.pem"));
        ASSERT_TRUE(leaf) << name;
        EXPECT_EQ(leaf->common_name(), name);
        const auto key = pki::PrivateKey::from_pem(content("private/iot-edge-device-identity-" + name + ".key.pem"));
        EXPECT_EQ(*leaf->public_key(), *key->public_key());
        EXPECT_TRUE(keys.insert(hex_encode(leaf->public_key()->spki_der())).second) << "every device its own key";
    }
    EXPECT_EQ(openssl_verify("certs/iot-edge-device-identity-pump-155.cert.pem", "sslclient").exit_code, 0);
    must({"device", "--count", "2", "--prefix", "valve-", "--digits", "6"});
    EXPECT_TRUE(exists("private/iot-edge-device-identity-valve-000002.key.pem"));
}

TEST_F(CertCommand, ResumeMakesWhatIsMissingAndKeepsTheRest) {
    make_authorities();
    must({"device", "a", "b", "c", "d"});
    const auto key_of_a = content("private/iot-edge-device-identity-a.key.pem");
    const auto chain_of_b = content("certs/iot-edge-device-identity-b-full-chain.cert.pem");
    const auto cert_of_d = content("certs/iot-edge-device-identity-d.cert.pem");
    std::filesystem::remove(at("certs/iot-edge-device-identity-a.cert.pem"));
    std::filesystem::remove(at("certs/iot-edge-device-identity-a-full-chain.cert.pem"));
    std::filesystem::remove(at("certs/iot-edge-device-identity-b.cert.pem"));
    const Outcome resumed = cert({"device", "a", "b", "c", "d", "e", "--resume"});
    EXPECT_EQ(resumed.exit_code, 0) << resumed.output;
    expect_all(resumed.output, {"3 certificates made", "2 complete already"});
    EXPECT_EQ(content("private/iot-edge-device-identity-a.key.pem"), key_of_a);
    EXPECT_EQ(content("certs/iot-edge-device-identity-b-full-chain.cert.pem"), chain_of_b);
    EXPECT_TRUE(chain_of_b.starts_with(content("certs/iot-edge-device-identity-b.cert.pem")));
    EXPECT_EQ(content("certs/iot-edge-device-identity-d.cert.pem"), cert_of_d);
    for (const char* name : {"a", "b", "c", "d", "e"}) {
        const Outcome verified = cert({"verify", at(fmt::format("certs/iot-edge-device-identity-{}.cert.pem", name))});
        EXPECT_NE(verified.output.find("the private key fits"), std::string::npos) << verified.output;
    }
}

// A fleet run killed at many moments, also while it replaces: what is there fits together, and resuming completes it.
TEST_F(CertCommand, KilledAtAnyMomentLeavesNoMismatch) {
    make_authorities();
    const std::vector<std::string> fleet = {"device", "--count", "600", "--prefix", "k-"};
    for (int round = 1; round <= 8; ++round) {
        std::vector<std::string> command = {"timeout",      "-s",  "KILL", fmt::format("0.0{}", round),
                                            MUSTER_PROGRAM, "cert"};
        command.insert(command.end(), fleet.begin(), fleet.end());
        command.insert(command.end(), {round % 2 == 0 ? "--force" : "--resume", "--dir", directory_.path().string()});
        run(command);
        for (const auto& file : all_files()) {
            if (!file.starts_with("certs/iot-edge-device-identity-") || file.contains("-full-chain")) continue;
            const std::string name = file.substr(6, file.size() - 6 - std::string_view(".cert.pem").size());
            const auto leaf = pki::Certificate::from_pem(content(file));
            const auto key = pki::PrivateKey::from_pem(content("private/" + name + ".key.pem"));
            ASSERT_TRUE(leaf && key) << name;
            ASSERT_EQ(*leaf->public_key(), *key->public_key()) << name;
        }
    }
    std::vector<std::string> last = fleet;
    last.emplace_back("--resume");
    must(last);
    const auto files = all_files();
    EXPECT_EQ(files.size(), 6U + 4U * 600U);
    EXPECT_TRUE(std::ranges::none_of(files, [](const auto& file) { return file.ends_with(".new"); }));
}

TEST_F(CertCommand, VerifyTellsWhyNot) {
    make_authorities();
    must({"device", "dev-1", "--days", "10"});
    must({"server", "host.example"});
    const std::string device = at("certs/iot-edge-device-identity-dev-1-full-chain.cert.pem");
    const Outcome later = cert({"verify", device, "--at", "2099-01-01T00:00:00Z"});
    EXPECT_EQ(later.exit_code, 1);
    expect_all(later.output, {"REFUSED", "certificate CN=dev-1 expired on"});
    const Outcome server = cert({"verify", at("certs/iot-edge-server-host.example.cert.pem"), "--purpose", "client"});
    EXPECT_EQ(server.exit_code, 1);
    expect_all(server.output, {"is not for TLS clients"});
    const test::TemporaryDirectory other;
    ASSERT_EQ(run({MUSTER_PROGRAM, "cert", "root", "--dir", other.path().string()}).exit_code, 0);
    const Outcome foreign = cert({"verify", device, "--trusted", (other.path() / kRoot).string()});
    EXPECT_EQ(foreign.exit_code, 1);
    expect_all(foreign.output, {"did not sign it"});
    const Outcome wrong_key = cert({"verify", device, "--key", at("private/azure-iot-test-only.root.ca.key.pem")});
    EXPECT_EQ(wrong_key.exit_code, 1);
    expect_all(wrong_key.output, {"the private key is not the one of this certificate"});
    expect_all(cert({"verify", device, "-o", "json"}).output, {"\"good\": true", "\"key\": \"matches\""});
}

TEST_F(CertCommand, ShowTellsWhatIsInIt) {
    make_authorities();
    must({"server", "host.example", "--san", "10.0.0.7"});
    const auto show = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {MUSTER_PROGRAM, "cert", "show"});
        return run(arguments);
    };
    const Outcome chain = show({at("certs/iot-edge-server-host.example-full-chain.cert.pem")});
    expect_all(chain.output, {"CN=host.example", "host.example", "10.0.0.7", "serverAuth", "keyCertSign",
                              "CN=Azure_IoT_Hub_CA_Cert_Test_Only", "SHA-256 thumbprint"});
    const Outcome json = show({at("certs/iot-edge-server-host.example.cert.pem"), "-o", "json"});
    expect_all(json.output, {"\"isCa\": false", "\"ipAddresses\"", "\"10.0.0.7\"", "\"sha1Thumbprint\""});
    expect_all(show({at("csr/iot-edge-server-host.example.csr.pem")}).output, {"Signed by its key  yes"});
    const Outcome key = show({at("private/iot-edge-server-host.example.key.pem")});
    EXPECT_EQ(key.exit_code, 1);
    EXPECT_EQ(key.output.find("BEGIN"), std::string::npos);
}

}  // namespace
}  // namespace muster
