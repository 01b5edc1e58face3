// Frames that Proton 0.37 does not survive, kept away from it: a transfer that begins a message of several frames
// without a delivery-id (OASIS amqp-core-transport-v1.0 section 2.7.5 wants one) fails an assertion that Debian's build
// has in.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/amqp/proton.h"

namespace muster::wire::amqp {

class Guard {
public:
    // A whole frame of the AMQP layer. Errc::invalid_argument for one that may not pass.
    Result<> check(std::string_view frame);

private:
    // A link of the peer, by the numbers that it has on the wire, in the midst of a message.
    struct Midway {
        std::uint16_t channel;
        std::uint32_t handle;
        bool operator==(const Midway&) const = default;
    };

    Result<> check_transfer(std::uint16_t channel, pn_data_t* fields);
    void forget_link(std::uint16_t channel, pn_data_t* fields, std::size_t handle_field);
    void forget_session(std::uint16_t channel);

    std::vector<Midway> midway_;
};

}  // namespace muster::wire::amqp
