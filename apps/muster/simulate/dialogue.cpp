#include "muster/simulate/dialogue.h"

#include <array>

#include "muster/simulate/websocket_pipe.h"

namespace muster::cli::simulate {
namespace {

struct Name {
    std::string_view name;
    Transport transport;
};
constexpr std::array<Name, 5> names{{{"https", Transport::https},
                                     {"mqtt", Transport::mqtt},
                                     {"mqtt-ws", Transport::mqtt_ws},
                                     {"amqp", Transport::amqp},
                                     {"amqp-ws", Transport::amqp_ws}}};

using Make = std::unique_ptr<Dialogue> (*)(Pipe&, const std::string&, const std::string&);

// One of the others, inside a WebSocket.
class WebSocketDialogue final : public Dialogue {
public:
    WebSocketDialogue(Pipe& pipe, std::string subprotocol, Make make, const std::string& scope,
                      const std::string& registration_id)
        : websocket_(pipe, std::move(subprotocol)), inner_(make(websocket_, scope, registration_id)) {}

    Task<Result<>> begin() override {
        MUSTER_CO_CHECK(co_await websocket_.open());
        co_return co_await inner_->begin();
    }
    Task<Result<Reply>> register_device() override { co_return co_await inner_->register_device(); }
    Task<Result<Reply>> operation_status(const std::string& operation_id) override {
        co_return co_await inner_->operation_status(operation_id);
    }
    Task<> end() override { co_await inner_->end(); }
    bool usable() const override { return inner_->usable(); }

private:
    WebSocketPipe websocket_;
    std::unique_ptr<Dialogue> inner_;
};

}  // namespace

std::optional<Transport> parse_transport(std::string_view name) {
    for (const auto& known : names)
        if (known.name == name) return known.transport;
    return std::nullopt;
}

std::uint16_t usual_port(Transport transport) {
    if (transport == Transport::mqtt) return 8883;
    return transport == Transport::amqp ? 5671 : 443;
}

std::unique_ptr<Dialogue> make_dialogue(Transport transport, Pipe& pipe, const std::string& scope,
                                        const std::string& registration_id) {
    switch (transport) {
        case Transport::https: return make_https_dialogue(pipe, scope, registration_id);
        case Transport::mqtt: return make_mqtt_dialogue(pipe, scope, registration_id);
        case Transport::amqp: return make_amqp_dialogue(pipe, scope, registration_id);
        case Transport::mqtt_ws:
            return std::make_unique<WebSocketDialogue>(pipe, "mqtt", make_mqtt_dialogue, scope, registration_id);
        case Transport::amqp_ws:
            return std::make_unique<WebSocketDialogue>(pipe, "AMQPWSB10", make_amqp_dialogue, scope, registration_id);
    }
    return nullptr;
}

}  // namespace muster::cli::simulate
