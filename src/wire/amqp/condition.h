// Errors as AMQP carries them (OASIS amqp-core-transport-v1.0 section 2.8.14), and as Proton keeps them.
#pragma once

#include <string>

#include "wire/amqp/message.h"

struct pn_condition_t;

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

// An error as AMQP carries it; no name: none.
struct Condition {
    std::string name;
    std::string description;
    Map info;
};

// Of none: one without a name. Information that cannot be read is left out.
Condition read_condition(pn_condition_t* condition);
void write_condition(pn_condition_t* into, const Condition& condition);

}  // namespace muster::wire::amqp
