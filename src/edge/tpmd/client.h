// tpmd as the other daemons call it.
#pragma once

#include <filesystem>

#include "base/bytes.h"
#include "base/json.h"
#include "base/task.h"
#include "edge/service/local_call.h"

namespace muster::edge::tpmd {

// Errors as call_local's (edge/service/local_call.h).
class Client {
public:
    // Waits for an answer that long at most.
    explicit Client(std::filesystem::path socket, std::chrono::seconds patience = usual_patience)
        : socket_(std::move(socket)), patience_(patience) {}

    struct Keys {
        std::string endorsement;  // base64 of TPM2B_PUBLIC, as DPS takes it
        std::string storage_root;
    };
    Task<Result<Keys>> keys() const;
    // `key`: the base64 that DPS gave.
    Task<Result<>> import_auth_key(std::string key) const;
    Task<Result<Bytes>> sign_with_auth_key(Bytes data) const;
    Task<Result<Bytes>> sign_with_wrapped_key(std::string key, Bytes data) const;

private:
    Task<Result<json::object>> call(std::string method, std::string path, json::object body) const;
    std::filesystem::path socket_;
    std::chrono::seconds patience_;
};

}  // namespace muster::edge::tpmd
