// A device whose identity certificate is issued to it: its three daemons, an EST server and a cloud.
#pragma once

#include <gmock/gmock.h>

#include <thread>

#include "base/file.h"
#include "edge/keyd/client.h"
#include "edge/keyd/remote_key.h"
#include "fake_cloud.h"
#include "fake_est.h"

namespace muster::edge::testing {

class IssuedDevice : public ::testing::Test {
protected:
    IssuedDevice() {
        est.allow_password("dev-1", "pw");
        est.allow_certificate("*");
        cloud.set_at_once(true);
        // SEQUENCE { SEQUENCE { id-ecPublicKey, SET { prime256v1 } } }: such keys are made in no time.
        est.set_csr_attributes("MBcwFQYHKoZIzj0CATEKBggqhkjOPQMBBw==");
    }

    void write_settings(const std::string& renewal, const std::string& provisioning = "") {
        const auto cloud_ca = device.write("certs/cloud-ca.pem", cloud.ca_pem());
        const auto est_ca = device.write("certs/est-ca.pem", est.ca_pem());
        device.write_settings(Service::keyd, "");
        device.write_settings(
            Service::certd,
            fmt::format("[cert_issuance.device-id]\nmethod = \"est\"\n[cert_issuance.est]\ntrusted_certs = "
                        "[\"est-server-ca-1\"]\n[cert_issuance.est.auth]\nusername = \"dev-1\"\npassword = "
                        "\"pw\"\n[cert_issuance.est.urls]\ndefault = \"{}\"\n[preloaded_certs]\n"
                        "est-server-ca-1 = \"file://{}\"\n",
                        est.url(), est_ca.string()));
        const auto dps = fmt::format(
            "source = \"dps\"\nglobal_endpoint = \"https://{}/\"\nscope_id = \"0ne1\"\nglobal_endpoint_ca = "
            "\"file://{}\"\n[provisioning.attestation]\nmethod = \"x509\"\nregistration_id = \"dev-1\"\n",
            cloud.address(), cloud_ca.string());
        device.write_settings(Service::identityd,
                              fmt::format("hostname = \"edge\"\ncloud_timeout_sec = 5\ncloud_retries = 0\n"
                                          "[[principal]]\nuid = 4711\nname = \"aziot-edge\"\n[provisioning]\n{}{}",
                                          provisioning.empty() ? dps : provisioning, renewal));
    }
    static std::string renewing(const std::string& threshold, const std::string& retry, bool rotate_key = true) {
        return fmt::format("identity_auto_renew = {{ rotate_key = {}, threshold = \"{}\", retry = \"{}\" }}\n",
                           rotate_key, threshold, retry);
    }
    void start_all() {
        for (const auto service : {Service::keyd, Service::certd, Service::identityd}) device.start(service);
    }
    void stop_all(int signal) {
        for (const auto service : {Service::keyd, Service::certd, Service::identityd}) device.stop(service, signal);
    }
    Answer identityd(const std::string& method, const std::string& path, const json::object& body = {}) const {
        return device.call(Service::identityd, method, path + "?api-version=2021-12-01", body);
    }
    bool provision() const {
        return identityd("POST", "/identities/device/reprovision", {{"type", "aziot"}}).status == 204;
    }
    bool eventually(const std::function<bool()>& holds,
                    std::chrono::seconds patience = std::chrono::seconds(60)) const {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(std::chrono::milliseconds(30));
        }
        return true;
    }
    bool provisioned() const { return identityd("POST", "/identities/device", {{"type", "aziot"}}).status == 200; }
    std::string log() const { return device.log(Service::identityd); }

    std::optional<pki::Certificate> certificate(const std::string& id = "device-id") const {
        const auto pem = read_file(device.certificate_file(id));
        if (!pem) return std::nullopt;
        return pki::parse_chain(*pem).value().front();
    }
    bool whole() const { return device.fits("device-id", "device-id"); }

    Device device;
    FakeCloud cloud;
    FakeEst est;
};

}  // namespace muster::edge::testing
