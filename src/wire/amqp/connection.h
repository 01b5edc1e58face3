// One end of an AMQP 1.0 connection without I/O (OASIS amqp-core-v1.0): bytes in, events out, bytes to send. Qpid
// Proton's engine does the protocol; here it is owned, bounded, and made to speak in events that a service can use.
//
// Order of use: take() some bytes, handle events until there are none, send what take_output() gives, repeat.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "wire/amqp/condition.h"
#include "wire/amqp/events.h"
#include "wire/amqp/message.h"
#include "wire/amqp/settings.h"

namespace muster::wire::amqp {

class Connection {
public:
    // Offers `mechanisms` (separated by blanks) to a client that begins with the SASL layer; one that begins without it
    // is as welcome. `settings` must outlive the connection.
    static Connection server(const Settings& settings, std::string mechanisms);
    // Without SASL: who we are is said by TLS.
    static Connection client(const Settings& settings, const std::string& host);
    Connection(Connection&&) noexcept;
    ~Connection();

    // Takes of `bytes`, which it shortens, what belongs to one frame; it has an effect when the frame is whole. Errors:
    // Errc::invalid_argument and Errc::too_large for what breaks the framing; the output says so to the peer, and
    // nothing more may be taken.
    Result<> take(std::string_view& bytes);
    // Part of a frame has come, its end has not.
    bool midway() const;
    // Frames that have come to their end: a peer that only dribbles does not move this.
    std::uint64_t frames() const;
    // Bytes of frames and messages that have begun to arrive.
    std::size_t held() const;

    std::optional<Event> next_event();
    // Empty when there is nothing to send.
    std::string take_output();
    // Keeps the connection alive as the peer wants it, by adding to the output; returns when to call again, nothing for
    // never.
    std::optional<std::chrono::steady_clock::time_point> tick(std::chrono::steady_clock::time_point now);

    void sasl_challenge(std::string bytes);
    void sasl_outcome(SaslOutcome outcome);

    // One of our own; the peer's answer is an Attached event. On a session that is made with the first.
    LinkId attach(bool incoming, const std::string& address, const Map& properties);
    void accept(LinkId link);
    void refuse(LinkId link, const Condition& condition);

    void accept(const Received& received);
    void reject(const Received& received, const Condition& condition);
    // On a link that the peer reads. `settled`: no Outcome is wanted. A peer that asked for the one or the other when
    // it attached has its way. Waits for the peer's credit; Errc::throttled when more than 4 messages already do, or 64
    // have no outcome.
    Result<> send(LinkId link, const Message& message, bool settled);
    // Whether a link has room for one more message that waits.
    bool has_room(LinkId link) const;

    void close(const Condition& condition = {});

private:
    struct State;
    explicit Connection(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace muster::wire::amqp
