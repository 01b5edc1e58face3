// The server side of the SASL layer (OASIS amqp-core-security-v1.0 section 5.3) in place of Proton's own, which knows
// no mechanism that we could give it: what the client sends is handed up, what to answer comes from there.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "wire/amqp/proton.h"

struct pnx_sasl_implementation;

namespace muster::wire::amqp {

class SaslServer {
public:
    // `mechanisms`: their names, separated by blanks. Stays where it is for as long as the transport lives.
    SaslServer(pn_transport_t* transport, std::string mechanisms);
    SaslServer(const SaslServer&) = delete;
    SaslServer& operator=(const SaslServer&) = delete;

    struct Step {
        bool first;             // sasl-init, else sasl-response
        std::string mechanism;  // of sasl-init
        Secret response;
    };
    // What the client sent and nobody took yet.
    std::optional<Step> take_step();

    // Proton takes frames of this layer for what they say wherever they come. Whether they may come now; and whether
    // one came when it might not.
    void allow(bool allowed) { allowed_ = allowed; }
    bool out_of_place() const { return out_of_place_; }

    void challenge(std::string bytes);
    void finish(int outcome);  // a code of the standard; 0: accepted
    bool finished() const { return finished_; }

private:
    friend struct SaslCallbacks;

    void forget_earlier_name();
    void receive(bool first, std::string_view mechanism, std::string_view response);

    pn_transport_t* transport_;
    std::string mechanisms_;
    std::string out_;  // Proton keeps a reference until it has written it
    const char* named_ = nullptr;
    std::optional<Step> step_;
    bool allowed_ = false;
    bool out_of_place_ = false;
    bool begun_ = false;
    bool our_turn_ = false;  // the client waits for us
    bool finished_ = false;
};

}  // namespace muster::wire::amqp
