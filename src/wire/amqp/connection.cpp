#include "wire/amqp/connection.h"

#include <proton/connection.h>
#include <proton/event.h>
#include <proton/session.h>
#include <proton/transport.h>

#include <deque>
#include <utility>

#include "wire/amqp/deliveries.h"
#include "wire/amqp/engine.h"
#include "wire/amqp/framer.h"
#include "wire/amqp/guard.h"
#include "wire/amqp/links.h"
#include "wire/amqp/sasl.h"

namespace muster::wire::amqp {

struct Connection::State {
    explicit State(const Settings& settings)
        : framer(settings.frame_bytes), engine(settings), links(engine, settings), deliveries(links, settings) {}

    std::optional<Event> next_sasl_event();
    std::optional<Event> translate(pn_event_t* event);
    std::optional<Event> opened() const;
    std::unexpected<Error> give_up(const Error& error);

    Framer framer;
    Guard guard;
    std::optional<SaslServer> sasl;  // the engine calls it until it ends
    Engine engine;
    Links links;
    Deliveries deliveries;
    std::string unframed;      // to send in front of what Proton has
    std::deque<Event> queued;  // more than one came of one of Proton's
};

std::optional<Event> Connection::State::next_sasl_event() {
    if (!sasl) return std::nullopt;
    auto step = sasl->take_step();
    if (!step) return std::nullopt;
    if (step->first) return SaslInit{std::move(step->mechanism), std::move(step->response)};
    return SaslResponse{std::move(step->response)};
}

std::optional<Event> Connection::State::translate(pn_event_t* event) {
    switch (pn_event_type(event)) {
        case PN_CONNECTION_REMOTE_OPEN: return opened();
        case PN_CONNECTION_REMOTE_CLOSE:
            pn_connection_close(engine.connection());
            return engine.closed(pn_connection_remote_condition(engine.connection()));
        case PN_SESSION_REMOTE_OPEN: {
            auto* session = pn_event_session(event);
            if ((pn_session_state(session) & PN_LOCAL_UNINIT) != 0) pn_session_open(session);
            return std::nullopt;
        }
        case PN_SESSION_REMOTE_CLOSE: links.end_session(pn_event_session(event), queued); return std::nullopt;
        case PN_LINK_REMOTE_OPEN: return links.attached(pn_event_link(event));
        case PN_LINK_REMOTE_CLOSE: return links.detached(pn_event_link(event), true);
        case PN_LINK_REMOTE_DETACH: return links.detached(pn_event_link(event), false);
        case PN_DELIVERY: return deliveries.changed(pn_event_delivery(event));
        case PN_TRANSPORT_ERROR:
        case PN_TRANSPORT_CLOSED: return engine.closed(pn_transport_condition(engine.transport()));
        default: return std::nullopt;
    }
}

std::optional<Event> Connection::State::opened() const {
    auto* connection = engine.connection();
    if ((pn_connection_state(connection) & PN_LOCAL_UNINIT) != 0) pn_connection_open(connection);
    return Opened{std::string(view(pn_connection_remote_container(connection))),
                  std::string(view(pn_connection_remote_hostname(connection)))};
}

std::unexpected<Error> Connection::State::give_up(const Error& error) {
    engine.close({condition::framing_error, error.message(), {}});
    return std::unexpected(error);
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::server(const Settings& settings, std::string mechanisms) {
    auto state = std::make_unique<State>(settings);
    auto* transport = state->engine.transport();
    pn_transport_set_server(transport);
    pn_transport_require_auth(transport, false);
    state->sasl.emplace(transport, std::move(mechanisms));
    state->engine.bind();
    return Connection(std::move(state));
}

Connection Connection::client(const Settings& settings, const std::string& host) {
    auto state = std::make_unique<State>(settings);
    state->framer.expect_amqp();
    pn_connection_set_hostname(state->engine.connection(), host.c_str());
    pn_connection_open(state->engine.connection());
    state->engine.bind();
    return Connection(std::move(state));
}

Result<> Connection::take(std::string_view& bytes) {
    auto& s = *state_;
    const bool in_amqp = s.framer.in_amqp();
    const auto whole = s.framer.next(bytes);
    if (!whole) {
        // Who does not speak the protocol is told which one it is, and no more (section 2.2).
        if (s.framer.ended() == 0) s.unframed = protocol_header(Protocol::amqp);
        return s.give_up(whole.error());
    }
    if (whole->empty()) return {};
    if (in_amqp) {
        if (const auto passed = s.guard.check(*whole); !passed) return s.give_up(passed.error());
    }
    if (s.sasl) s.sasl->allow(s.framer.in_sasl());
    s.engine.feed(*whole);
    if (s.sasl && s.sasl->out_of_place())
        return s.give_up(Error(Errc::invalid_argument, "a frame of the SASL layer outside of it"));
    return {};
}

bool Connection::midway() const {
    return state_->framer.midway();
}

std::uint64_t Connection::frames() const {
    return state_->framer.ended();
}

std::size_t Connection::held() const {
    return state_->framer.held() + state_->deliveries.held();
}

std::optional<Event> Connection::next_event() {
    auto& s = *state_;
    if (auto event = s.next_sasl_event()) return event;
    for (;;) {
        if (!s.queued.empty()) {
            auto event = std::move(s.queued.front());
            s.queued.pop_front();
            return event;
        }
        auto* event = s.engine.next_event();
        if (event == nullptr) return std::nullopt;
        if (auto translated = s.translate(event)) return translated;
    }
}

std::string Connection::take_output() {
    auto bytes = std::exchange(state_->unframed, {});
    state_->engine.take_output(bytes);
    return bytes;
}

std::optional<std::chrono::steady_clock::time_point> Connection::tick(std::chrono::steady_clock::time_point now) {
    return state_->engine.tick(now);
}

void Connection::sasl_challenge(std::string bytes) {
    if (state_->sasl) state_->sasl->challenge(std::move(bytes));
}

void Connection::sasl_outcome(SaslOutcome outcome) {
    if (!state_->sasl || state_->sasl->finished()) return;
    state_->sasl->finish(static_cast<int>(outcome));
    if (outcome == SaslOutcome::ok) state_->framer.expect_amqp();
}

LinkId Connection::attach(bool incoming, const std::string& address, const Map& properties) {
    return state_->links.attach(incoming, address, properties);
}

void Connection::accept(LinkId id) {
    if (const auto* entry = state_->links.find_live(id)) state_->links.accept(*entry);
}

void Connection::refuse(LinkId id, const Condition& condition) {
    if (auto* entry = state_->links.find_live(id)) state_->links.refuse(*entry, condition);
}

void Connection::accept(const Received& received) {
    Deliveries::accept(received);
}

void Connection::reject(const Received& received, const Condition& condition) {
    Deliveries::reject(received, condition);
}

Result<> Connection::send(LinkId link, const Message& message, bool settled) {
    return state_->deliveries.send(link, message, settled);
}

bool Connection::has_room(LinkId link) const {
    return state_->deliveries.has_room(link);
}

void Connection::close(const Condition& condition) {
    state_->engine.close(condition);
}

}  // namespace muster::wire::amqp
