// A call to another daemon of this device over its unix socket.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/task.h"

namespace muster::edge {

// Generating an RSA key takes a small board a while.
inline constexpr std::chrono::seconds usual_patience{60};

struct LocalService {
    std::string name;  // "aziot-keyd"
    std::filesystem::path socket;
    std::string api_version;
    std::chrono::seconds patience = usual_patience;
};

// The answer's body (empty for 204). `body` is sent when the verb is not GET. An error answer becomes an Error with
// its message: 401 forbidden, 404 not_found, other 4xx invalid_argument, 429 throttled, 5xx internal; no answer is
// unavailable.
Task<Result<json::object>> call_local(LocalService service, std::string method, std::string path, json::object body);

// Whether such an error says that there is no key or certificate of that id. keyd and certd answer it with 400 like
// other wrong parameters, and tell it apart in the message alone (facts/device.md 3.4).
bool says_not_found(const Error& error);

}  // namespace muster::edge
