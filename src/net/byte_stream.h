// Bytes both ways for a protocol that is not HTTP: on a TLS socket of its own, or inside a WebSocket. The protocol sees
// no difference.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string_view>

#include "base/task.h"
#include "net/peer.h"

namespace muster::net {

using Monotonic = std::chrono::steady_clock;

enum class StreamEnd {
    none,       // bytes came
    closed,     // the peer has ended its side, or the connection failed
    timed_out,  // nothing came by the deadline
    woken,      // nothing came by the time to wake up; the stream goes on
    leaving,    // the server drains, or needs the place of an idle connection
};

struct StreamRead {
    std::span<char> bytes;
    StreamEnd end = StreamEnd::none;

    std::string_view text() const { return {bytes.data(), bytes.size()}; }
};

// One operation at a time; on the reactor that runs the handler. After a read that ended with neither `none` nor
// `woken`, or a write that failed, only close() is left.
class ByteStream {
public:
    virtual ~ByteStream() = default;

    // Waits for bytes, at most until `deadline` (Monotonic::time_point::max(): for ever; kept to half a second). While
    // it waits the connection counts as idle: it holds no buffer, and may have to make room for others.
    // The bytes lie in memory that all connections of the reactor share: they are there until the next co_await.
    Task<StreamRead> read_some(Monotonic::time_point deadline) {
        return read_some(deadline, Monotonic::time_point::max());
    }
    // The same, coming back at `wake` (kept to half a second) for those who have something to say by then.
    virtual Task<StreamRead> read_some(Monotonic::time_point deadline, Monotonic::time_point wake) = 0;

    // All of it; false when the connection has failed or took longer than the server's limit for writes.
    virtual Task<bool> write_all(std::string_view bytes) = 0;

    // Ends our side in the protocol's own way, and reads on for two seconds at most so that what was written last
    // arrives. A handler that returns without it ends the connection at once.
    virtual Task<> close() = 0;
};

// Serves one session to its end. `peer` and the stream live as long as the handler runs; an exception ends the session.
using StreamHandler = std::function<Task<>(ByteStream&, const Peer&)>;

}  // namespace muster::net
