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
#include <variant>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/amqp/message.h"

namespace muster::wire::amqp {

// Names of conditions (section 2.8.15 to 2.8.18), and those that are Microsoft's own.
namespace condition {
inline constexpr const char* internal_error = "amqp:internal-error";
inline constexpr const char* not_found = "amqp:not-found";
inline constexpr const char* unauthorized = "amqp:unauthorized-access";
inline constexpr const char* not_allowed = "amqp:not-allowed";
inline constexpr const char* limit_exceeded = "amqp:resource-limit-exceeded";
inline constexpr const char* connection_forced = "amqp:connection:forced";
inline constexpr const char* framing_error = "amqp:connection:framing-error";
inline constexpr const char* message_too_large = "amqp:link:message-size-exceeded";
inline constexpr const char* argument_error = "com.microsoft:argument-error";
inline constexpr const char* precondition_failed = "com.microsoft:precondition-failed";
inline constexpr const char* throttled = "com.microsoft:device-container-throttled";
}  // namespace condition

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

// An error as AMQP carries it; no name: none.
struct Condition {
    std::string name;
    std::string description;
    Map info;
};

using LinkId = std::uint32_t;

// The codes of section 5.3.3.6 that are used here. `trouble`: not the fault of the credential; trying again may help.
enum class SaslOutcome : std::uint8_t { ok = 0, refused = 1, trouble = 4 };

// The first word of the client in the SASL layer; answer with sasl_challenge() or sasl_outcome().
struct SaslInit {
    std::string mechanism;
    Secret response;
};
// What it says to a challenge; likewise.
struct SaslResponse {
    Secret response;
};
struct Opened {
    std::string container;
    std::string host;
};
// The peer attached a link, or answered our attach(). At a server: answer with accept() or refuse().
struct Attached {
    LinkId link;
    bool incoming;        // the peer sends on it
    std::string address;  // of the target of an incoming link, of the source of another
    Map properties;
};
// A whole message; settle it with accept() or reject(). Good until the next call of next_event().
struct Received {
    LinkId link;
    Result<Message> message;
    void* delivery;
};
// The peer's judgement of a message that was sent unsettled.
struct Outcome {
    LinkId link;
    bool accepted;
    Condition condition;
};
// A link is gone, by the peer's will or because a rule was broken on it.
struct Detached {
    LinkId link;
    Condition condition;
};
// The connection is over: send what is left of the output, then end it.
struct Closed {
    Condition condition;
};
using Event = std::variant<SaslInit, SaslResponse, Opened, Attached, Received, Outcome, Detached, Closed>;

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
