#include "wire/amqp/deliveries.h"

#include <fmt/format.h>
#include <proton/delivery.h>
#include <proton/disposition.h>
#include <proton/link.h>

#include <string>
#include <utility>

namespace muster::wire::amqp {
namespace {

// Messages that wait on one link for the peer's credit or for its judgement.
constexpr int most_queued = 4;
constexpr int most_unsettled = 64;

// Its end, and credit for another.
void settle_received(pn_delivery_t* delivery, std::uint64_t verdict) {
    auto* link = pn_delivery_link(delivery);
    pn_delivery_update(delivery, verdict);
    pn_delivery_settle(delivery);
    pn_link_flow(link, 1);
}

}  // namespace

std::size_t Deliveries::held() const {
    std::size_t bytes = 0;
    for (const auto& entry : links_.all()) {
        auto* current = pn_link_is_receiver(entry.link) ? pn_link_current(entry.link) : nullptr;
        if (current != nullptr) bytes += pn_delivery_pending(current);
    }
    return bytes;
}

std::optional<Event> Deliveries::changed(pn_delivery_t* delivery) {
    auto* link = pn_delivery_link(delivery);
    if (link == nullptr) return std::nullopt;
    return pn_link_is_sender(link) ? outcome(link, delivery) : received(link, delivery);
}

std::optional<Event> Deliveries::received(pn_link_t* link, pn_delivery_t* delivery) {
    auto* entry = links_.find(link);
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
    if (size > settings_.message_bytes) {
        const Condition too_large{
            condition::message_too_large, fmt::format("a message has more than {} bytes", settings_.message_bytes), {}};
        links_.refuse(*entry, too_large);
        return Detached{entry->id, too_large};
    }
    if (pn_delivery_partial(delivery)) return std::nullopt;
    std::string bytes(size, '\0');
    if (size > 0) pn_link_recv(link, bytes.data(), bytes.size());
    pn_link_advance(link);
    return Received{entry->id, decode_message(bytes), delivery};
}

std::optional<Event> Deliveries::outcome(pn_link_t* link, pn_delivery_t* delivery) {
    if (!pn_delivery_updated(delivery)) return std::nullopt;
    const auto* entry = links_.find(link);
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

void Deliveries::accept(const Received& received) {
    settle_received(static_cast<pn_delivery_t*>(received.delivery), PN_ACCEPTED);
}

void Deliveries::reject(const Received& received, const Condition& condition) {
    auto* delivery = static_cast<pn_delivery_t*>(received.delivery);
    write_condition(pn_disposition_condition(pn_delivery_local(delivery)), condition);
    settle_received(delivery, PN_REJECTED);
}

bool Deliveries::has_room(LinkId id) const {
    const auto* entry = links_.find_live(id);
    return entry != nullptr && pn_link_queued(entry->link) < most_queued &&
           pn_link_unsettled(entry->link) < most_unsettled;
}

Result<> Deliveries::send(LinkId id, const Message& message, bool settled) {
    const auto* entry = links_.find_live(id);
    if (entry == nullptr) return fail(Errc::not_found, "the link is not attached any more");
    if (!has_room(id)) return fail(Errc::throttled, "the peer does not take what was sent to it");
    MUSTER_TRY(const auto bytes, encode_message(message));
    const auto number = ++sent_;
    auto* delivery = pn_delivery(entry->link, pn_dtag(reinterpret_cast<const char*>(&number), sizeof number));
    pn_link_send(entry->link, bytes.data(), bytes.size());
    pn_link_advance(entry->link);
    const auto wanted = settling_of_peer(entry->link);
    if (wanted == PN_SND_SETTLED || (settled && wanted != PN_SND_UNSETTLED)) pn_delivery_settle(delivery);
    return {};
}

}  // namespace muster::wire::amqp
