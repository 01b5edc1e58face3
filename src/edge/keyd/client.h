// Calls to keyd over its socket.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "base/task.h"
#include "edge/service/local_call.h"

namespace muster::edge::keyd {

// Holds no connection and no state: safe to use from any thread and any loop. An answer that is an error of keyd keeps
// its message; codes: not_found and invalid_argument (400), forbidden (401), throttled, unavailable (no keyd),
// internal.
class Client {
public:
    // Waits for an answer that long at most.
    explicit Client(std::filesystem::path socket, std::chrono::seconds patience = usual_patience)
        : socket_(std::move(socket)), patience_(patience) {}

    Task<Result<std::string>> create_key(std::string id, std::string usage = "derive,sign") const;  // the handle
    Task<Result<std::string>> load_key(std::string id) const;
    Task<Result<std::string>> load_pair(std::string id) const;
    Task<Result<std::optional<std::string>>> find_pair(std::string id) const;  // nothing: there is none
    Task<Result<std::string>> create_pair(std::string id, std::string preferred_algorithms) const;
    Task<Result<>> move_pair(std::string from, std::string to) const;  // in the place of an older one, in one step
    Task<Result<>> delete_pair(std::string handle) const;
    Task<Result<std::string>> derive(std::string base_handle, std::string derivation_data) const;
    Task<Result<Secret>> export_derived(std::string handle) const;
    Task<Result<Bytes>> sign_hmac(std::string handle, Bytes message) const;
    Task<Result<std::string>> parameter(std::string handle, std::string name) const;

    // These block: for use inside a cryptographic operation, which cannot suspend.
    Result<Bytes> sign_ecdsa_blocking(const std::string& handle, ByteView digest) const;
    // `algorithm` is "RSA-PKCS1" or "RSA-NO-PADDING".
    Result<Bytes> rsa_private_blocking(const std::string& handle, std::string_view algorithm, ByteView input) const;
    Result<std::string> load_pair_blocking(const std::string& id) const;

private:
    Task<Result<json::object>> call(std::string method, std::string path, json::object body) const;
    Task<Result<std::string>> member(std::string method, std::string path, json::object body, std::string name) const;
    std::filesystem::path socket_;
    std::chrono::seconds patience_;
};

}  // namespace muster::edge::keyd
