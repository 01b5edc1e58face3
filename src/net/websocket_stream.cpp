#include "net/websocket_stream.h"

namespace muster::net {

Task<StreamRead> WebSocketStream::read_some(Monotonic::time_point deadline, Monotonic::time_point wake) {
    while (decoder_.state() == FrameState::open) {
        // A ping is answered before the next read, not within the one that brought it: writing would cost the caller
        // the bytes that came with it.
        if (decoder_.ping_waits() && !co_await below_.write_all(pong_frame(decoder_.take_ping()))) break;
        const auto read = co_await below_.read_some(deadline, wake);
        if (read.end != StreamEnd::none) co_return read;
        const auto size = decoder_.take(read.bytes);
        if (size > 0) co_return StreamRead{read.bytes.first(size)};
    }
    co_return StreamRead{{}, StreamEnd::closed};
}

Task<bool> WebSocketStream::write_all(std::string_view bytes) {
    if (decoder_.state() != FrameState::open) co_return false;
    co_return co_await below_.write_all(binary_frame(bytes));
}

Task<> WebSocketStream::close() {
    if (!std::exchange(close_sent_, true)) co_await below_.write_all(close_frame(decoder_.code()));
    co_await below_.close();
}

}  // namespace muster::net
