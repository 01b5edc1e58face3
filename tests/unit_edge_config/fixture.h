// A device in a directory of its own: certificates made for it, a configuration, and ways to spoil them.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/file.h"
#include "edge/config/apply.h"
#include "pki/issue.h"

namespace muster::edge {

class DeviceFixture : public ::testing::Test {
protected:
    struct Made {
        pki::PrivateKey key;
        pki::Certificate certificate;
    };

    void SetUp() override {
        char name[] = "/tmp/muster-device-XXXXXX";
        ASSERT_NE(mkdtemp(name), nullptr);
        root_ = name;
        std::filesystem::create_directories(root_ / "etc/aziot");
        paths_ = Paths(root_);
        root_ca_.emplace(make("Plant Root", pki::Profile::root_ca, nullptr));
        intermediate_.emplace(make("Plant Intermediate", pki::Profile::intermediate_ca, &*root_ca_));
        leaf_.emplace(make("press-7", pki::Profile::client, &*intermediate_));
        write("chain.pem", chain_pem({&*leaf_, &*intermediate_, &*root_ca_}), 0644);
        write("key.pem", key_pem(*leaf_), 0600);
        write_config();
    }
    void TearDown() override { std::filesystem::remove_all(root_); }

    Made make(const std::string& common_name, pki::Profile profile, const Made* issuer,
              std::chrono::days begins = std::chrono::days(-1), std::chrono::days ends = std::chrono::days(90),
              std::optional<std::string> eku = std::nullopt) {
        auto key = pki::PrivateKey::generate({});
        pki::IssueRequest request;
        request.profile = profile;
        request.common_name = common_name;
        request.not_before = now_ + begins;
        request.not_after = now_ + ends;
        request.extended_key_usage = std::move(eku);
        std::optional<pki::Issuer> signer;
        if (issuer != nullptr) signer.emplace(pki::Issuer{issuer->certificate, issuer->key});
        auto certificate = pki::issue(request, *key->public_key(), signer ? &*signer : nullptr,
                                      issuer == nullptr ? &*key : nullptr, random_);
        EXPECT_TRUE(certificate) << certificate.error().chain();
        return {std::move(*key), std::move(*certificate)};
    }

    static std::string chain_pem(const std::vector<const Made*>& chain) {
        std::string out;
        for (const auto* made : chain) out += made->certificate.pem();
        return out;
    }
    static std::string key_pem(const Made& made) { return std::string(made.key.to_pem()->text()); }

    std::filesystem::path at(const std::string& name) const { return root_ / name; }

    void write(const std::string& name, const std::string& content, mode_t mode) const {
        const auto written = write_file_atomic(at(name), content, mode);
        ASSERT_TRUE(written) << written.error().chain();
    }

    std::string config_text(const std::string& rest = "") const {
        return "hostname = \"press-7\"\n\n[provisioning]\nsource = \"dps\"\nglobal_endpoint = \"https://localhost\"\n"
               "id_scope = \"0ne00ABCDEF\"\n" +
               provisioning_extra_ + "[provisioning.attestation]\nmethod = \"x509\"\n" + registration_ +
               "identity_cert = \"file://" + at("chain.pem").string() + "\"\nidentity_pk = \"file://" +
               at("key.pem").string() + "\"\n" + rest;
    }
    void write_config(const std::string& rest = "") const { write("etc/aziot/config.toml", config_text(rest), 0600); }

    Result<ApplyOutcome> run(bool check_only = false, const StepHook& hook = {}) const {
        ManualClock clock(now_);
        return apply(paths_, {paths_.super_config(), check_only},
                     {clock, [this](const std::string&, const std::string&) { return lookup_; }, hook});
    }

    std::vector<std::string> problems() const {
        const auto outcome = run();
        std::vector<std::string> out;
        if (!outcome) {
            ADD_FAILURE() << outcome.error().chain();
            return out;
        }
        EXPECT_EQ(outcome->written, outcome->findings.problems.empty());
        for (const auto& problem : outcome->findings.problems) out.push_back(problem.text());
        return out;
    }
    std::vector<ConfigProblem> warnings() const { return run(true)->findings.warnings; }

    SystemRandom random_;
    TimePoint now_ = SystemClock().now();
    std::filesystem::path root_;
    Paths paths_;
    std::optional<Made> root_ca_, intermediate_, leaf_;
    std::string registration_ = "registration_id = \"press-7\"\n";
    std::string provisioning_extra_;
    Lookup lookup_ = Lookup::found;
};

}  // namespace muster::edge
