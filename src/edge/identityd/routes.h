// identityd's HTTP API (facts/device.md 3.5).
//
// Answers come from the reactor's thread; whatever talks to DPS or the hub runs on the cloud loop, so that a slow
// service holds up only those who ask for it.
#pragma once

#include <boost/asio/io_context.hpp>

#include <memory>
#include <mutex>

#include "edge/identityd/modules.h"
#include "edge/identityd/provisioner.h"
#include "edge/service/router.h"

namespace muster::edge::identityd {

// What the routes need; all of it outlives them.
class Api {
public:
    Api(Settings settings, Neighbours neighbours, Provisioner& provisioner, Modules& modules,
        boost::asio::io_context& cloud);

    void set_settings(Settings settings);  // any thread
    std::unique_ptr<Router> make_router(Admission::Limits limits);

private:
    std::shared_ptr<const Settings> settings() const;

    Task<Result<Reply>> own_identity(Call call);
    Task<Result<Reply>> device_identity(Call call);
    Task<Result<Reply>> create_module(Call call);
    Task<Result<Reply>> list_modules(Call call);
    Task<Result<Reply>> get_module(Call call);
    Task<Result<Reply>> update_module(Call call);
    Task<Result<Reply>> delete_module(Call call);
    Task<Result<Reply>> provisioning(Call call);
    Task<Result<Reply>> reprovision(Call call);
    Task<Result<Reply>> trust_bundle(Call call);
    Task<Result<json::object>> describe_device();
    Task<Result<Reply>> create_local(Call call);
    Task<Result<Reply>> get_local(Call call);
    Task<Result<Reply>> issue_local(std::string module, LocalOptions options);

    Neighbours neighbours_;
    LocalIdentities local_identities_;
    Provisioner& provisioner_;
    Modules& modules_;
    boost::asio::io_context& cloud_;
    mutable std::mutex mutex_;  // guards settings_ alone
    std::shared_ptr<const Settings> settings_;
};

// 401 no right; 400 bad parameter, no such identity; 404 what DPS, the hub or keyd refused or could not do; else 500.
// edged decides by these whether to provision again (facts/device.md 3.5, 4.6).
int status_of(const Error& error);

}  // namespace muster::edge::identityd
