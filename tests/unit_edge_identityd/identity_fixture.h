// A device with an identity certificate, its three daemons, and a cloud to register with.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "base/file.h"
#include "fake_cloud.h"

namespace muster::edge::testing {

class IdentityTest : public ::testing::Test {
protected:
    // The certificate: a leaf named `name` under an intermediate authority, as how-to fleets have it.
    void write_credentials(const std::string& name, const pki::KeySpec& spec = {}) {
        const auto authority = make_identity("intermediate", {}, nullptr, true);
        const auto identity = make_identity(name, spec, &authority, false);
        const auto certificate =
            device.write("certs/full-chain.pem", identity.certificate.pem() + authority.certificate.pem());
        const auto key = device.write("secrets/key.pem", identity.key.to_pem()->text());
        device.write_settings(Service::keyd,
                              fmt::format("[preloaded_keys]\ndevice-id = \"file://{}\"\n", key.string()));
        device.write_settings(Service::certd,
                              fmt::format("[preloaded_certs]\ndevice-id = \"file://{}\"\n", certificate.string()));
    }
    void write_identity_settings(const std::string& extra = "", const std::string& scope = "0ne00000001") {
        write_identity_settings_for(cloud.address(), extra, scope);
    }
    void write_identity_settings_for(const std::string& endpoint, const std::string& extra = "",
                                     const std::string& scope = "0ne00000001") {
        const auto ca = device.write("certs/cloud-ca.pem", cloud.ca_pem());
        device.write_settings(Service::identityd, fmt::format(R"(hostname = "edge"
homedir = "/var/lib/aziot/identityd"
cloud_timeout_sec = 5
cloud_retries = 0
{}
[provisioning]
source = "dps"
global_endpoint = "https://{}/"
scope_id = "{}"
global_endpoint_ca = "file://{}"
[provisioning.attestation]
method = "x509"
identity_cert = "device-id"
identity_pk = "device-id"
[[principal]]
uid = 4711
name = "aziot-edge"
)",
                                                              extra, endpoint, scope, ca.string()));
    }
    void start_all() {
        for (const auto service : steady_services) device.start(service);
    }
    Answer identityd(const std::string& method, const std::string& path, const json::object& body = {}) const {
        const auto mark = path.find('?') == std::string::npos ? "?" : "&";
        return device.call(Service::identityd, method, path + mark + "api-version=2021-12-01", body);
    }
    Answer device_identity() const { return identityd("POST", "/identities/device", {{"type", "aziot"}}); }
    // The device id, once there is one; empty when it takes longer.
    std::string wait_for_identity(std::chrono::milliseconds patience = std::chrono::seconds(30)) const {
        const auto end = std::chrono::steady_clock::now() + patience;
        while (std::chrono::steady_clock::now() < end) {
            const auto answer = device_identity();
            if (answer.status == 200) return string_or(answer.body.at("spec").as_object(), "deviceId");
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return {};
    }
    std::filesystem::path device_info() const {
        return device.paths().state_directory(Service::identityd) / "device_info";
    }
    std::string log() const { return device.log(Service::identityd); }

    Device device;
    FakeCloud cloud;
};

}  // namespace muster::edge::testing
