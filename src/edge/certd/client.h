// Calls to certd over its socket.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "edge/service/local_call.h"

namespace muster::edge::certd {

// Safe to use from any thread and any loop; errors as call_local (edge/service/local_call.h) gives them.
class Client {
public:
    // Waits for an answer that long at most.
    explicit Client(std::filesystem::path socket, std::chrono::seconds patience = usual_patience)
        : socket_(std::move(socket)), patience_(patience) {}

    Task<Result<std::string>> load(std::string id) const;                 // the PEM chain
    Task<Result<std::optional<std::string>>> find(std::string id) const;  // nothing: there is none
    // What the issuer of this certificate wants of the key, as a list for keyd; empty when it does not say.
    Task<Result<std::string>> preferred_algorithms(std::string id) const;
    Task<Result<std::string>> create(std::string id, std::string csr_pem) const;
    Task<Result<>> import(std::string id, std::string pem) const;
    Task<Result<>> remove(std::string id) const;

private:
    LocalService service() const;
    std::filesystem::path socket_;
    std::chrono::seconds patience_;
};

}  // namespace muster::edge::certd
