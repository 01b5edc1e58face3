// What a device says to the provisioning service and hears from it, over one of the protocols.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "muster/simulate/pipe.h"
#include "net/http.h"

namespace muster::cli::simulate {

enum class Transport { https, mqtt, mqtt_ws, amqp, amqp_ws };
// "https", "mqtt", "mqtt-ws", "amqp", "amqp-ws".
std::optional<Transport> parse_transport(std::string_view name);
// The port that devices insist on.
std::uint16_t usual_port(Transport transport);

struct Reply {
    int status;  // of HTTP, whatever the protocol; 200 where the protocol does not say which 2xx
    std::string body;
    std::optional<std::chrono::seconds> retry_after;
};

class Dialogue {
public:
    virtual ~Dialogue() = default;
    // After TLS: what the protocol wants before the first request.
    virtual Task<Result<>> begin() = 0;
    virtual Task<Result<Reply>> register_device() = 0;
    virtual Task<Result<Reply>> operation_status(const std::string& operation_id) = 0;
    // Takes leave, without waiting for more than the protocol wants.
    virtual Task<> end() = 0;
    // Whether another request can be made.
    virtual bool usable() const { return true; }
};

// The device API's version that all say.
inline constexpr const char* api_version = "2019-03-31";

// `pipe` outlives the dialogue.
std::unique_ptr<Dialogue> make_dialogue(Transport transport, Pipe& pipe, const std::string& scope,
                                        const std::string& registration_id);
std::unique_ptr<Dialogue> make_https_dialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id);
std::unique_ptr<Dialogue> make_mqtt_dialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id);
std::unique_ptr<Dialogue> make_amqp_dialogue(Pipe& pipe, const std::string& scope, const std::string& registration_id);

// One HTTP request; `close` of the answer says that the connection ends.
Task<Result<net::HttpResponse>> http_request(Pipe& pipe, const char* method, const std::string& target,
                                             const std::string& body);

}  // namespace muster::cli::simulate
