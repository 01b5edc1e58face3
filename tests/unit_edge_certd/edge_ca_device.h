// A device with an edge CA: its certd and keyd, and an EST server.
#pragma once

#include <gmock/gmock.h>

#include <thread>

#include "device.h"
#include "edge/keyd/client.h"
#include "edge/keyd/remote_key.h"
#include "fake_est.h"
#include "pki/csr.h"
#include "pki/issue.h"

namespace muster::edge::testing {

class EdgeCa : public ::testing::Test {
protected:
    static constexpr auto version = "?api-version=2020-09-01";
    // What put_old_one() puts there is due, and the pause that chance adds is short.
    static constexpr auto renewed_soon = "threshold = \"40%\"\nretry = \"1%\"\n";

    void start(const std::string& settings, const std::string& keys = "") {
        device.write_settings(Service::keyd, keys);
        device.write_settings(Service::certd, settings);
        device.start(Service::keyd);
        device.start(Service::certd);
    }
    std::string by_est(std::string_view rule) {
        device.write("certs/est-ca.pem", est.ca_pem());
        return fmt::format(
            "[cert_issuance.aziot-edged-ca]\nmethod = \"est\"\n[cert_issuance.aziot-edged-ca.auto_renew]\nrotate_key = "
            "true\n{}[cert_issuance.est]\ntrusted_certs = [\"t\"]\n[cert_issuance.est.auth]\nusername = \"dev-1\"\n"
            "password = \"pw\"\n[cert_issuance.est.urls]\ndefault = \"{}\"\n[preloaded_certs]\nt = \"file://{}\"\n",
            rule, est.url(), device.paths().under("certs/est-ca.pem").string());
    }
    pki::PrivateKey pair() const { return pair_of(id); }
    pki::PrivateKey pair_of(const std::string& key_id) const {
        const auto handle = device.call(Service::keyd, "POST", "/keypair?api-version=2020-09-01",
                                        {{"keyId", key_id}, {"preferredAlgorithms", "ec-p256"}});
        return keyd::remote_key(keyd::Client(device.paths().socket(Service::keyd)), string_or(handle.body, "keyHandle"))
            .value();
    }
    // facts/device.md 6.1
    Answer create() const {
        const auto request = pki::Csr::create(pair(), {{"CN", "aziot-edge CA dev-1"}},
                                              {{"keyUsage", "critical,digitalSignature,keyCertSign"},
                                               {"basicConstraints", "critical,CA:TRUE,pathlen:0"}});
        return device.call(Service::certd, "POST", std::string("/certificates") + version,
                           {{"certId", id}, {"csr", request->pem()}});
    }
    // One that has lived half of its life, in the place of an edge CA that was issued long ago. It is renewed from now
    // on, so who wants to know the old one takes it from here.
    pki::Certificate put_old_one(std::chrono::seconds half = std::chrono::seconds(100)) {
        const auto key = pair();
        const auto now = SystemClock().now();
        const auto old = pki::issue({.profile = pki::Profile::intermediate_ca,
                                     .common_name = "aziot-edge CA dev-1",
                                     .path_length = 0,
                                     .not_before = now - half,
                                     .not_after = now + half},
                                    key.public_key().value(), nullptr, &key, random);
        const auto put = device.call(Service::certd, "PUT", std::string("/certificates/aziot-edged-ca") + version,
                                     {{"pem", old->pem()}});
        EXPECT_EQ(put.status, 201) << put.message();
        return *old;
    }
    pki::CertificateChain stored() const {
        const auto answer = device.call(Service::certd, "GET", std::string("/certificates/aziot-edged-ca") + version);
        return pki::parse_chain(string_or(answer.body, "pem")).value_or(pki::CertificateChain{});
    }
    pki::Certificate in_place() const {
        auto chain = stored();
        if (chain.empty()) throw std::runtime_error("there is no edge CA: " + log());
        return std::move(chain.front());
    }
    pki::Certificate renewed(const pki::Certificate& old) const {
        auto last = old;
        for (int tries = 0; tries < 600 && last.der() == old.der(); ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            last = in_place();
        }
        EXPECT_NE(last.der(), old.der()) << log();
        return last;
    }
    bool key_fits(const pki::Certificate& certificate) const {
        const keyd::Client keys(device.paths().socket(Service::keyd));
        const auto handle = keys.load_pair_blocking(id);
        // The key may be moved between the two calls.
        const auto key = handle ? keyd::remote_key(keys, *handle) : fail(handle.error());
        return key && key->public_key().value() == certificate.public_key().value();
    }
    void expect_next(const pki::Certificate& next, const pki::Certificate& old) const {
        EXPECT_TRUE(next.is_ca());
        EXPECT_EQ(next.path_length(), 0);
        EXPECT_EQ(next.subject(), old.subject());
        EXPECT_FALSE(next.public_key().value() == old.public_key().value());
        // Key and certificate are moved one after the other.
        for (int tries = 0; tries < 1000 && !key_fits(next); ++tries)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        EXPECT_TRUE(key_fits(next));
    }
    std::string log() const { return device.log(Service::certd); }

    const std::string id = "aziot-edged-ca";
    SystemRandom random;
    Device device;
    FakeEst est;
};

}  // namespace muster::edge::testing
