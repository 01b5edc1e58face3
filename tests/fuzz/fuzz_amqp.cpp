// An AMQP peer that says anything. The input is a stream, offered whole and in pieces: both ways must lead to the same
// events; whatever is attached, sent or said in SASL is answered. And messages by themselves: what was understood must
// survive being written and read again.
// rooms: wire/amqp base
#include <cstdint>
#include <cstdlib>

#include "wire/amqp/connection.h"

using namespace muster;
using namespace muster::wire;

namespace {

const amqp::Settings settings{.frame_bytes = 4096, .message_bytes = 8192, .sessions = 4, .links = 4};

struct Recorder {
    amqp::Connection& connection;
    std::string& log;

    void operator()(amqp::SaslInit& init) const {
        log += "sasl-init " + init.mechanism + "\n";
        if (init.mechanism == "TPM") return connection.sasl_challenge(std::string(init.response.text()));
        connection.sasl_outcome(init.mechanism == "EXTERNAL" ? amqp::SaslOutcome::refused : amqp::SaslOutcome::ok);
    }
    void operator()(amqp::SaslResponse& response) const {
        log += "sasl-response\n";
        if (response.response.size() > 8) return connection.sasl_challenge("more");
        connection.sasl_outcome(amqp::SaslOutcome::ok);
    }
    void operator()(amqp::Opened& opened) const { log += "opened " + opened.container + "\n"; }
    void operator()(amqp::Attached& attached) const {
        log += "attached " + attached.address + "\n";
        if (attached.address == "no")
            return connection.refuse(attached.link, {amqp::condition::not_found, "nothing here", {}});
        connection.accept(attached.link);
        if (!attached.incoming) (void)connection.send(attached.link, {.body = "hello"}, true);
    }
    void operator()(amqp::Received& received) const {
        log += received.message ? "received " + received.message->body + "\n" : "received nonsense\n";
        if (received.message) return connection.accept(received);
        connection.reject(received, {amqp::condition::argument_error, "nonsense", {}});
    }
    void operator()(amqp::Outcome& outcome) const { log += outcome.accepted ? "accepted\n" : "rejected\n"; }
    void operator()(amqp::Detached&) const { log += "detached\n"; }
    void operator()(amqp::Closed& closed) const { log += "closed " + closed.condition.name + "\n"; }
};

std::string serve(std::string_view input, std::size_t piece) {
    std::string log;
    auto connection = amqp::Connection::server(settings, "PLAIN EXTERNAL ANONYMOUS TPM");
    while (!input.empty()) {
        auto part = input.substr(0, piece);
        input.remove_prefix(part.size());
        while (!part.empty()) {
            const bool taken = connection.take(part).has_value();
            while (auto event = connection.next_event()) std::visit(Recorder{connection, log}, *event);
            if (connection.held() > (settings.links * 2) * (settings.message_bytes + settings.frame_bytes))
                std::abort();
            (void)connection.take_output();
            if (!taken) return log + "broken\n";
        }
    }
    return log;
}

void check_message(std::string_view input) {
    const auto message = amqp::decode_message(input);
    if (!message) return;
    const auto bytes = amqp::encode_message(*message);
    if (!bytes) std::abort();
    const auto again = amqp::decode_message(*bytes);
    if (!again || again->body != message->body || again->correlation_id != message->correlation_id) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    check_message(input);
    const auto whole = serve(input, std::max<std::size_t>(size, 1));
    if (serve(input, 1) != whole || serve(input, 13) != whole) std::abort();
    return 0;
}
