// The bytes inside a WebSocket, as a ByteStream on top of the connection's own.
#pragma once

#include "net/byte_stream.h"
#include "net/websocket_frames.h"

namespace muster::net {

class WebSocketStream final : public ByteStream {
public:
    // A data frame of more than `frame_limit` bytes ends the session; frames are not gathered, so this costs nothing.
    explicit WebSocketStream(ByteStream& below, std::uint64_t frame_limit = 1024 * 1024)
        : below_(below), decoder_(frame_limit) {}

    using ByteStream::read_some;
    Task<StreamRead> read_some(Monotonic::time_point deadline, Monotonic::time_point wake) override;
    Task<bool> write_all(std::string_view bytes) override;
    Task<> close() override;

private:
    ByteStream& below_;
    FrameDecoder decoder_;
    bool close_sent_ = false;
};

}  // namespace muster::net
