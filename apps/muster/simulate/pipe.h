// Bytes to the service and from it, straight through TLS or inside a WebSocket.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "base/task.h"

namespace muster::cli::simulate {

class Pipe {
public:
    virtual ~Pipe() = default;
    // Some bytes, at least one.
    virtual Task<Result<std::string>> read() = 0;
    virtual Task<Result<>> write(std::string_view bytes) = 0;
    // Name and port of the service, as HTTP wants them.
    virtual const std::string& host_header() const = 0;
};

}  // namespace muster::cli::simulate
