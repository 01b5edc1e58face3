#include "wire/amqp/connection.h"

#include <proton/condition.h>
#include <proton/connection.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/event.h>
#include <proton/link.h>
#include <proton/logger.h>
#include <proton/session.h>
#include <proton/terminus.h>
#include <proton/transport.h>

#include <algorithm>
#include <deque>
#include <new>
#include <vector>

#include "base/log.h"
#include "base/text.h"
#include "wire/amqp/data.h"
#include "wire/amqp/framer.h"
#include "wire/amqp/guard.h"
#include "wire/amqp/sasl.h"

namespace muster::wire::amqp {
namespace {

// Messages that wait on one link for the peer's credit or for its judgement.
constexpr int most_queued = 4;
constexpr int most_unsettled = 64;

Condition read_condition(pn_condition_t* condition) {
    if (condition == nullptr || !pn_condition_is_set(condition)) return {};
    Condition read{std::string(view(pn_condition_get_name(condition))),
                   std::string(view(pn_condition_get_description(condition))),
                   {}};
    if (auto info = read_first_map(pn_condition_info(condition))) read.info = std::move(*info);
    return read;
}

void write_condition(pn_condition_t* into, const Condition& condition) {
    if (condition.name.empty()) return;
    pn_condition_set_name(into, condition.name.c_str());
    if (!condition.description.empty()) pn_condition_set_description(into, condition.description.c_str());
    if (!condition.info.empty()) write_map(pn_condition_info(into), condition.info, Keys::symbols);
}

void to_our_log(std::intptr_t, pn_log_subsystem_t, pn_log_level_t, const char* message) {
    log::debug("AMQP engine", {{"says", printable(message)}});
}

struct LinkEntry {
    LinkId id;
    pn_link_t* link;
    bool gone;  // refused, or broken by us: it is only waited for the peer's word
};

}  // namespace

struct Connection::State {
    explicit State(const Settings& limits);
    ~State() { pn_connection_driver_destroy(&driver); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void feed(std::string_view bytes);
    std::optional<Event> next_sasl_event();
    std::optional<Event> translate(pn_event_t* event);

    std::optional<Event> opened();
    std::optional<Event> attached(pn_link_t* link);
    std::optional<Event> attached_by_peer(LinkEntry& entry);
    std::optional<Event> detached(pn_link_t* link, bool for_good);
    std::optional<Event> delivery(pn_delivery_t* delivery);
    std::optional<Event> received(pn_link_t* link, pn_delivery_t* delivery);
    std::optional<Event> outcome(pn_link_t* link, pn_delivery_t* delivery);
    std::optional<Event> closed(pn_condition_t* condition);
    void end_session(pn_session_t* session);

    LinkEntry* entry_of(LinkId id);
    LinkEntry* entry_of(const pn_link_t* link);
    LinkEntry& add(pn_link_t* link);
    void refuse(LinkEntry& entry, const Condition& condition);
    void close(const Condition& condition);
    std::unexpected<Error> give_up(const Error& error);

    pn_transport_t* transport() const { return driver.transport; }
    pn_connection_t* connection() const { return driver.connection; }

    const Settings& settings;
    pn_connection_driver_t driver{};
    Framer framer;
    Guard guard;
    std::optional<SaslServer> sasl;
    std::vector<LinkEntry> links;
    LinkId last_link = 0;
    pn_session_t* own_session = nullptr;
    std::uint64_t sent = 0;
    std::string unframed;      // to send in front of what Proton has
    std::deque<Event> queued;  // more than one came of one of Proton's
    bool closed_told = false;
};

Connection::State::State(const Settings& limits) : settings(limits), framer(limits.frame_bytes) {
    if (pn_connection_driver_init(&driver, nullptr, nullptr) != 0) throw std::bad_alloc();
    // Its traces, which an environment variable turns on, would show credentials; some warnings come in any case.
    pn_logger_reset_mask(pn_transport_logger(transport()), PN_SUBSYSTEM_ALL, PN_LEVEL_ALL);
    pn_logger_set_log_sink(pn_transport_logger(transport()), to_our_log, 0);
    pn_transport_set_max_frame(transport(), static_cast<std::uint32_t>(limits.frame_bytes));
    pn_transport_set_channel_max(transport(), static_cast<std::uint16_t>(limits.sessions - 1));
    // It announces half of what it keeps to, as section 2.4.5 advises.
    pn_transport_set_idle_timeout(transport(), static_cast<pn_millis_t>(2 * limits.idle.count()));
    pn_connection_set_container(connection(), limits.container.c_str());
}

void Connection::State::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto buffer = pn_connection_driver_read_buffer(&driver);
        if (buffer.size == 0) return;  // it is over already; an event says so
        const auto part = bytes.substr(0, buffer.size);
        std::ranges::copy(part, buffer.start);
        pn_connection_driver_read_done(&driver, part.size());
        bytes.remove_prefix(part.size());
    }
}

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
            pn_connection_close(connection());
            return closed(pn_connection_remote_condition(connection()));
        case PN_SESSION_REMOTE_OPEN: {
            auto* session = pn_event_session(event);
            if ((pn_session_state(session) & PN_LOCAL_UNINIT) != 0) pn_session_open(session);
            return std::nullopt;
        }
        case PN_SESSION_REMOTE_CLOSE: end_session(pn_event_session(event)); return std::nullopt;
        case PN_LINK_REMOTE_OPEN: return attached(pn_event_link(event));
        case PN_LINK_REMOTE_CLOSE: return detached(pn_event_link(event), true);
        case PN_LINK_REMOTE_DETACH: return detached(pn_event_link(event), false);
        case PN_DELIVERY: return delivery(pn_event_delivery(event));
        case PN_TRANSPORT_ERROR:
        case PN_TRANSPORT_CLOSED: return closed(pn_transport_condition(transport()));
        default: return std::nullopt;
    }
}

std::optional<Event> Connection::State::opened() {
    if ((pn_connection_state(connection()) & PN_LOCAL_UNINIT) != 0) pn_connection_open(connection());
    return Opened{std::string(view(pn_connection_remote_container(connection()))),
                  std::string(view(pn_connection_remote_hostname(connection())))};
}

std::optional<Event> Connection::State::attached(pn_link_t* link) {
    if (auto* own = entry_of(link)) {
        auto* terminus = pn_link_is_sender(link) ? pn_link_remote_target(link) : pn_link_remote_source(link);
        if (pn_terminus_get_type(terminus) == PN_UNSPECIFIED) return std::nullopt;  // refused: the detach follows
        return Attached{own->id, pn_link_is_receiver(link), std::string(view(pn_terminus_get_address(terminus))), {}};
    }
    // Those that were refused stay until the peer has seen it: it cannot heap them up either.
    if (links.size() >= std::size_t{2} * settings.links) {
        close({condition::limit_exceeded, "too many links are attached", {}});
        return closed(pn_connection_condition(connection()));
    }
    return attached_by_peer(add(link));
}

std::optional<Event> Connection::State::attached_by_peer(LinkEntry& entry) {
    if (links.size() > settings.links) {
        refuse(entry, {condition::limit_exceeded, fmt::format("more than {} links", settings.links), {}});
        return std::nullopt;
    }
    auto properties = read_first_map(pn_link_remote_properties(entry.link));
    if (!properties) {
        refuse(entry, {condition::argument_error, "link properties: " + properties.error().chain(), {}});
        return std::nullopt;
    }
    const bool incoming = pn_link_is_receiver(entry.link);
    auto* terminus = incoming ? pn_link_remote_target(entry.link) : pn_link_remote_source(entry.link);
    return Attached{entry.id, incoming, std::string(view(pn_terminus_get_address(terminus))), std::move(*properties)};
}

std::optional<Event> Connection::State::detached(pn_link_t* link, bool for_good) {
    std::optional<Event> event;
    if (const auto* entry = entry_of(link)) {
        if (!entry->gone) event = Detached{entry->id, read_condition(pn_link_remote_condition(link))};
        links.erase(links.begin() + (entry - links.data()));
    }
    if ((pn_link_state(link) & PN_LOCAL_CLOSED) == 0) for_good ? pn_link_close(link) : pn_link_detach(link);
    pn_link_free(link);
    return event;
}

std::optional<Event> Connection::State::delivery(pn_delivery_t* delivery) {
    auto* link = pn_delivery_link(delivery);
    if (link == nullptr) return std::nullopt;
    return pn_link_is_sender(link) ? outcome(link, delivery) : received(link, delivery);
}

std::optional<Event> Connection::State::received(pn_link_t* link, pn_delivery_t* delivery) {
    auto* entry = entry_of(link);
    if (pn_delivery_aborted(delivery)) {
        pn_delivery_settle(delivery);
        if (entry != nullptr && !entry->gone) pn_link_flow(link, 1);
        return std::nullopt;
    }
    if (!pn_delivery_readable(delivery) || entry == nullptr) return std::nullopt;
    const auto size = pn_delivery_pending(delivery);
    if (entry->gone) {  // sent before the peer knew: what came of it goes
        std::string dropped(size, '\0');
        pn_link_recv(link, dropped.data(), dropped.size());
        if (!pn_delivery_partial(delivery)) pn_delivery_settle(delivery);
        return std::nullopt;
    }
    if (size > settings.message_bytes) {
        const Condition too_large{
            condition::message_too_large, fmt::format("a message has more than {} bytes", settings.message_bytes), {}};
        refuse(*entry, too_large);
        return Detached{entry->id, too_large};
    }
    if (pn_delivery_partial(delivery)) return std::nullopt;
    std::string bytes(size, '\0');
    if (size > 0) pn_link_recv(link, bytes.data(), bytes.size());
    pn_link_advance(link);
    return Received{entry->id, decode_message(bytes), delivery};
}

std::optional<Event> Connection::State::outcome(pn_link_t* link, pn_delivery_t* delivery) {
    if (!pn_delivery_updated(delivery)) return std::nullopt;
    const auto* entry = entry_of(link);
    const auto verdict = pn_delivery_remote_state(delivery);
    if (verdict == PN_RECEIVED || (verdict == 0 && !pn_delivery_settled(delivery))) {
        pn_delivery_clear(delivery);
        return std::nullopt;
    }
    auto condition = read_condition(pn_disposition_condition(pn_delivery_remote(delivery)));
    pn_delivery_settle(delivery);
    if (entry == nullptr || entry->gone) return std::nullopt;
    return Outcome{entry->id, verdict == PN_ACCEPTED, std::move(condition)};
}

std::optional<Event> Connection::State::closed(pn_condition_t* condition) {
    if (std::exchange(closed_told, true)) return std::nullopt;
    return Closed{read_condition(condition)};
}

void Connection::State::end_session(pn_session_t* session) {
    std::erase_if(links, [&](const LinkEntry& entry) {
        if (pn_link_session(entry.link) != session) return false;
        if (!entry.gone) queued.emplace_back(Detached{entry.id, {}});
        return true;
    });
    if (session == own_session) own_session = nullptr;
    pn_session_close(session);
    pn_session_free(session);
}

LinkEntry* Connection::State::entry_of(LinkId id) {
    const auto entry = std::ranges::find(links, id, &LinkEntry::id);
    return entry == links.end() ? nullptr : &*entry;
}

LinkEntry* Connection::State::entry_of(const pn_link_t* link) {
    const auto entry = std::ranges::find(links, link, &LinkEntry::link);
    return entry == links.end() ? nullptr : &*entry;
}

LinkEntry& Connection::State::add(pn_link_t* link) {
    return links.emplace_back(LinkEntry{++last_link, link, false});
}

void Connection::State::refuse(LinkEntry& entry, const Condition& condition) {
    entry.gone = true;
    if ((pn_link_state(entry.link) & PN_LOCAL_UNINIT) != 0) {
        // The terminus that stays null tells the peer what is about to follow (section 2.6.3).
        if (pn_link_is_receiver(entry.link)) {
            pn_terminus_copy(pn_link_source(entry.link), pn_link_remote_source(entry.link));
        } else {
            pn_terminus_copy(pn_link_target(entry.link), pn_link_remote_target(entry.link));
        }
        pn_link_open(entry.link);
    }
    write_condition(pn_link_condition(entry.link), condition);
    pn_link_close(entry.link);
}

void Connection::State::close(const Condition& condition) {
    const auto state = pn_connection_state(connection());
    if ((state & PN_LOCAL_CLOSED) != 0) return;
    if ((state & PN_LOCAL_UNINIT) != 0) pn_connection_open(connection());
    write_condition(pn_connection_condition(connection()), condition);
    pn_connection_close(connection());
}

std::unexpected<Error> Connection::State::give_up(const Error& error) {
    close({condition::framing_error, error.message(), {}});
    return std::unexpected(error);
}

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::Connection(Connection&&) noexcept = default;
Connection::~Connection() = default;

Connection Connection::server(const Settings& settings, std::string mechanisms) {
    auto state = std::make_unique<State>(settings);
    pn_transport_set_server(state->transport());
    pn_transport_require_auth(state->transport(), false);
    state->sasl.emplace(state->transport(), std::move(mechanisms));
    pn_connection_driver_bind(&state->driver);
    return Connection(std::move(state));
}

Connection Connection::client(const Settings& settings, const std::string& host) {
    auto state = std::make_unique<State>(settings);
    state->framer.expect_amqp();
    pn_connection_set_hostname(state->connection(), host.c_str());
    pn_connection_open(state->connection());
    pn_connection_driver_bind(&state->driver);
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
    s.feed(*whole);
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
    std::size_t bytes = state_->framer.held();
    for (const auto& entry : state_->links) {
        auto* current = pn_link_is_receiver(entry.link) ? pn_link_current(entry.link) : nullptr;
        if (current != nullptr) bytes += pn_delivery_pending(current);
    }
    return bytes;
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
        auto* event = pn_connection_driver_next_event(&s.driver);
        if (event == nullptr) return std::nullopt;
        if (auto translated = s.translate(event)) return translated;
    }
}

std::string Connection::take_output() {
    auto bytes = std::exchange(state_->unframed, {});
    for (;;) {
        const auto part = pn_connection_driver_write_buffer(&state_->driver);
        if (part.size == 0) return bytes;
        bytes += view(part);
        pn_connection_driver_write_done(&state_->driver, part.size);
    }
}

std::optional<std::chrono::steady_clock::time_point> Connection::tick(std::chrono::steady_clock::time_point now) {
    using std::chrono::milliseconds;
    const auto count = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count();
    const auto next = pn_transport_tick(state_->transport(), count);
    if (next == 0) return std::nullopt;
    return std::chrono::steady_clock::time_point(milliseconds(next));
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
    auto& s = *state_;
    if (s.own_session == nullptr) {
        s.own_session = pn_session(s.connection());
        pn_session_open(s.own_session);
    }
    const auto name = fmt::format("{}-{}", s.settings.container, s.last_link + 1);
    auto* link = incoming ? pn_receiver(s.own_session, name.c_str()) : pn_sender(s.own_session, name.c_str());
    pn_terminus_set_address(pn_link_source(link), address.c_str());
    pn_terminus_set_address(pn_link_target(link), address.c_str());
    if (!properties.empty()) write_map(pn_link_properties(link), properties, Keys::symbols);
    pn_link_open(link);
    if (incoming) pn_link_flow(link, static_cast<int>(s.settings.credit));
    return s.add(link).id;
}

void Connection::accept(LinkId id) {
    const auto* entry = state_->entry_of(id);
    if (entry == nullptr || entry->gone) return;
    auto* link = entry->link;
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_set_snd_settle_mode(link, pn_link_remote_snd_settle_mode(link));
    const bool incoming = pn_link_is_receiver(link);
    if (incoming) pn_link_set_max_message_size(link, state_->settings.message_bytes);
    pn_link_open(link);
    if (incoming) pn_link_flow(link, static_cast<int>(state_->settings.credit));
}

void Connection::refuse(LinkId id, const Condition& condition) {
    if (auto* entry = state_->entry_of(id); entry != nullptr && !entry->gone) state_->refuse(*entry, condition);
}

void Connection::accept(const Received& received) {
    auto* delivery = static_cast<pn_delivery_t*>(received.delivery);
    auto* link = pn_delivery_link(delivery);
    pn_delivery_update(delivery, PN_ACCEPTED);
    pn_delivery_settle(delivery);
    pn_link_flow(link, 1);
}

void Connection::reject(const Received& received, const Condition& condition) {
    auto* delivery = static_cast<pn_delivery_t*>(received.delivery);
    auto* link = pn_delivery_link(delivery);
    write_condition(pn_disposition_condition(pn_delivery_local(delivery)), condition);
    pn_delivery_update(delivery, PN_REJECTED);
    pn_delivery_settle(delivery);
    pn_link_flow(link, 1);
}

bool Connection::has_room(LinkId id) const {
    const auto* entry = state_->entry_of(id);
    return entry != nullptr && !entry->gone && pn_link_queued(entry->link) < most_queued &&
           pn_link_unsettled(entry->link) < most_unsettled;
}

Result<> Connection::send(LinkId id, const Message& message, bool settled) {
    const auto* entry = state_->entry_of(id);
    if (entry == nullptr || entry->gone) return fail(Errc::not_found, "the link is not attached any more");
    if (!has_room(id)) return fail(Errc::throttled, "the peer does not take what was sent to it");
    MUSTER_TRY(const auto bytes, encode_message(message));
    const auto number = ++state_->sent;
    auto* delivery = pn_delivery(entry->link, pn_dtag(reinterpret_cast<const char*>(&number), sizeof number));
    pn_link_send(entry->link, bytes.data(), bytes.size());
    pn_link_advance(entry->link);
    const auto wanted = pn_link_remote_snd_settle_mode(entry->link);
    if (wanted == PN_SND_SETTLED || (settled && wanted != PN_SND_UNSETTLED)) pn_delivery_settle(delivery);
    return {};
}

void Connection::close(const Condition& condition) {
    state_->close(condition);
}

}  // namespace muster::wire::amqp
