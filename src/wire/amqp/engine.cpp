#include "wire/amqp/engine.h"

#include <proton/connection.h>
#include <proton/logger.h>
#include <proton/transport.h>

#include <algorithm>
#include <new>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace muster::wire::amqp {
namespace {

void to_our_log(std::intptr_t, pn_log_subsystem_t, pn_log_level_t, const char* message) {
    log::debug("AMQP engine", {{"says", printable(message)}});
}

}  // namespace

Engine::Engine(const Settings& limits) {
    if (pn_connection_driver_init(&driver_, nullptr, nullptr) != 0) throw std::bad_alloc();
    // Its traces, which an environment variable turns on, would show credentials; some warnings come in any case.
    pn_logger_reset_mask(pn_transport_logger(transport()), PN_SUBSYSTEM_ALL, PN_LEVEL_ALL);
    pn_logger_set_log_sink(pn_transport_logger(transport()), to_our_log, 0);
    pn_transport_set_max_frame(transport(), static_cast<std::uint32_t>(limits.frame_bytes));
    pn_transport_set_channel_max(transport(), static_cast<std::uint16_t>(limits.sessions - 1));
    // It announces half of what it keeps to, as section 2.4.5 advises.
    pn_transport_set_idle_timeout(transport(), static_cast<pn_millis_t>(2 * limits.idle.count()));
    pn_connection_set_container(connection(), limits.container.c_str());
}

void Engine::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto buffer = pn_connection_driver_read_buffer(&driver_);
        if (buffer.size == 0) return;  // it is over already; an event says so
        const auto part = bytes.substr(0, buffer.size);
        std::ranges::copy(part, buffer.start);
        pn_connection_driver_read_done(&driver_, part.size());
        bytes.remove_prefix(part.size());
    }
}

void Engine::take_output(std::string& onto) {
    for (;;) {
        const auto part = pn_connection_driver_write_buffer(&driver_);
        if (part.size == 0) return;
        onto += view(part);
        pn_connection_driver_write_done(&driver_, part.size);
    }
}

std::optional<std::chrono::steady_clock::time_point> Engine::tick(std::chrono::steady_clock::time_point now) {
    using std::chrono::milliseconds;
    const auto count = std::chrono::duration_cast<milliseconds>(now.time_since_epoch()).count();
    const auto next = pn_transport_tick(transport(), count);
    if (next == 0) return std::nullopt;
    return std::chrono::steady_clock::time_point(milliseconds(next));
}

void Engine::close(const Condition& condition) {
    const auto state = pn_connection_state(connection());
    if ((state & PN_LOCAL_CLOSED) != 0) return;
    if ((state & PN_LOCAL_UNINIT) != 0) pn_connection_open(connection());
    write_condition(pn_connection_condition(connection()), condition);
    pn_connection_close(connection());
}

std::optional<Event> Engine::closed(pn_condition_t* condition) {
    if (std::exchange(closed_told_, true)) return std::nullopt;
    return Closed{read_condition(condition)};
}

}  // namespace muster::wire::amqp
