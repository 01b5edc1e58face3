// The bounds of an AMQP connection, and what the peer is told of them.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace muster::wire::amqp {

struct Settings {
    std::string container = "muster";
    std::size_t frame_bytes = 64 * 1024;     // of one frame
    std::size_t message_bytes = 128 * 1024;  // of one message; a larger one costs its link
    unsigned sessions = 8;                   // at a time
    unsigned links = 16;                     // at a time, over all sessions
    unsigned credit = 16;                    // messages on their way, for each link that the peer sends on
    // What the peer is told to keep within (its idle-time-out); twice that must pass before it is called silent.
    std::chrono::milliseconds idle{240'000};
};

}  // namespace muster::wire::amqp
