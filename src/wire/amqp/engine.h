// Proton's engine of one connection: owned, told its bounds, fed and emptied.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "wire/amqp/condition.h"
#include "wire/amqp/events.h"
#include "wire/amqp/proton.h"
#include "wire/amqp/settings.h"

namespace muster::wire::amqp {

class Engine {
public:
    explicit Engine(const Settings& limits);
    ~Engine() { pn_connection_driver_destroy(&driver_); }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Once the transport knows what it is.
    void bind() { pn_connection_driver_bind(&driver_); }
    void feed(std::string_view bytes);
    void take_output(std::string& onto);
    // Null when there is none; good until the next call.
    pn_event_t* next_event() { return pn_connection_driver_next_event(&driver_); }
    std::optional<std::chrono::steady_clock::time_point> tick(std::chrono::steady_clock::time_point now);

    // From our side; has no effect a second time.
    void close(const Condition& condition);
    // The event that it is over; nothing when that was told before.
    std::optional<Event> closed(pn_condition_t* condition);

    pn_transport_t* transport() const { return driver_.transport; }
    pn_connection_t* connection() const { return driver_.connection; }

private:
    pn_connection_driver_t driver_{};
    bool closed_told_ = false;
};

}  // namespace muster::wire::amqp
