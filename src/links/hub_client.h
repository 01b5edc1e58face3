// A hub that is not our own, over its registry REST API with a shared access signature: another musterd or Azure's IoT
// Hub (facts/hub.md 3.2 to 3.5).
#pragma once

#include <memory>

#include "base/clock.h"
#include "net/http_client.h"
#include "provisioning/outside.h"

namespace muster::links {

class RegistryClient final : public provisioning::HubClient {
public:
    // Nothing is connected yet. Errc::invalid_argument for an address or certificates that cannot be used.
    static Result<std::unique_ptr<RegistryClient>> create(const provisioning::LinkedHub& hub, const Clock& clock);

    Task<Result<>> put_device(const provisioning::RemoteDevice& device) override;
    Task<Result<std::optional<provisioning::TwinCopy>>> read_twin(const std::string& device_id) override;
    Task<Result<bool>> remove_device(const std::string& device_id,
                                     const std::optional<hub::DeviceCredential>& only_with) override;
    Task<Result<bool>> lock_out(const std::string& device_id, const hub::DeviceCredential& revoked) override;
    Task<Result<std::chrono::microseconds>> probe() override;

private:
    RegistryClient(std::string name, std::shared_ptr<const provisioning::HubAccess> access,
                   std::shared_ptr<net::HttpClient> http, const Clock& clock)
        : name_(std::move(name)), access_(std::move(access)), http_(std::move(http)), clock_(clock) {}

    // What is done for one caller takes several requests; none is begun when the first was long ago.
    void begin() { began_ = std::chrono::steady_clock::now(); }
    Task<Result<>> put(const provisioning::RemoteDevice& device);
    // Any status is an answer.
    Task<Result<net::HttpResponse>> call(std::string method, std::string path, std::string body = {},
                                         std::string if_match = {});
    // Nothing when it is not there.
    Task<Result<std::optional<json::object>>> find(const std::string& device_id);
    Task<Result<>> refresh(const provisioning::RemoteDevice& device, json::object held);
    Task<Result<>> update_identity(const provisioning::RemoteDevice& device, json::object held);

    std::string name_;
    std::shared_ptr<const provisioning::HubAccess> access_;
    std::shared_ptr<net::HttpClient> http_;
    const Clock& clock_;
    std::chrono::steady_clock::time_point began_{};
};

}  // namespace muster::links
