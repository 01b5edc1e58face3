// The client's end of a WebSocket (RFC 6455), as far as a simulated device needs it.
#pragma once

#include <memory>

#include "base/random.h"
#include "muster/simulate/pipe.h"

namespace muster::cli::simulate {

class WebSocketPipe final : public Pipe {
public:
    WebSocketPipe(Pipe& below, std::string subprotocol) : below_(below), subprotocol_(std::move(subprotocol)) {}

    // The upgrade. The error says what the service answered instead.
    Task<Result<>> open();

    Task<Result<std::string>> read() override;
    Task<Result<>> write(std::string_view bytes) override;
    const std::string& host_header() const override { return below_.host_header(); }

private:
    // The payload of the next whole frame that is received; nothing when more must be read first.
    Result<std::optional<std::string>> take_frame();

    Pipe& below_;
    std::string subprotocol_;
    std::string received_;
    SystemRandom random_;
};

}  // namespace muster::cli::simulate
