// The messages on the links of one connection: taken when they are whole, sent within bounds, judged by either side.
#pragma once

#include <cstdint>
#include <optional>

#include "base/error.h"
#include "wire/amqp/condition.h"
#include "wire/amqp/events.h"
#include "wire/amqp/links.h"
#include "wire/amqp/message.h"
#include "wire/amqp/proton.h"
#include "wire/amqp/settings.h"

namespace muster::wire::amqp {

class Deliveries {
public:
    Deliveries(Links& links, const Settings& settings) : links_(links), settings_(settings) {}

    // Bytes of messages that have begun to arrive.
    std::size_t held() const;
    // Proton says that something came of a delivery: what is to be told of it.
    std::optional<Event> changed(pn_delivery_t* delivery);
    static void accept(const Received& received);
    static void reject(const Received& received, const Condition& condition);

    // Connection's calls of these names say what they keep to.
    Result<> send(LinkId id, const Message& message, bool settled);
    bool has_room(LinkId id) const;

private:
    std::optional<Event> received(pn_link_t* link, pn_delivery_t* delivery);
    std::optional<Event> outcome(pn_link_t* link, pn_delivery_t* delivery);

    Links& links_;
    const Settings& settings_;
    std::uint64_t sent_ = 0;
};

}  // namespace muster::wire::amqp
