#include "wire/amqp/links.h"

#include <fmt/format.h>
#include <proton/connection.h>
#include <proton/session.h>
#include <proton/terminus.h>

#include <algorithm>
#include <utility>

#include "wire/amqp/data.h"

namespace muster::wire::amqp {
namespace {

std::string address_of(pn_terminus_t* terminus) {
    return std::string(view(pn_terminus_get_address(terminus)));
}

}  // namespace

pn_snd_settle_mode_t settling_of_peer(pn_link_t* link) {
    // Proton hands on whatever number came.
    switch (static_cast<int>(pn_link_remote_snd_settle_mode(link))) {
        case PN_SND_UNSETTLED: return PN_SND_UNSETTLED;
        case PN_SND_SETTLED: return PN_SND_SETTLED;
        default: return PN_SND_MIXED;
    }
}

LinkEntry* Links::find(LinkId id) {
    const auto entry = std::ranges::find(entries_, id, &LinkEntry::id);
    return entry == entries_.end() ? nullptr : &*entry;
}

LinkEntry* Links::find(const pn_link_t* link) {
    const auto entry = std::ranges::find(entries_, link, &LinkEntry::link);
    return entry == entries_.end() ? nullptr : &*entry;
}

LinkEntry* Links::find_live(LinkId id) {
    auto* entry = find(id);
    return entry == nullptr || entry->gone ? nullptr : entry;
}

LinkEntry& Links::add(pn_link_t* link) {
    return entries_.emplace_back(LinkEntry{++last_, link, false});
}

LinkId Links::attach(bool incoming, const std::string& address, const Map& properties) {
    if (own_session_ == nullptr) {
        own_session_ = pn_session(engine_.connection());
        pn_session_open(own_session_);
    }
    const auto name = fmt::format("{}-{}", settings_.container, last_ + 1);
    auto* link = incoming ? pn_receiver(own_session_, name.c_str()) : pn_sender(own_session_, name.c_str());
    pn_terminus_set_address(pn_link_source(link), address.c_str());
    pn_terminus_set_address(pn_link_target(link), address.c_str());
    if (!properties.empty()) write_map(pn_link_properties(link), properties, Keys::symbols);
    pn_link_open(link);
    if (incoming) pn_link_flow(link, static_cast<int>(settings_.credit));
    return add(link).id;
}

void Links::accept(const LinkEntry& entry) {
    auto* link = entry.link;
    pn_terminus_copy(pn_link_source(link), pn_link_remote_source(link));
    pn_terminus_copy(pn_link_target(link), pn_link_remote_target(link));
    pn_link_set_snd_settle_mode(link, settling_of_peer(link));
    const bool incoming = pn_link_is_receiver(link);
    if (incoming) pn_link_set_max_message_size(link, settings_.message_bytes);
    pn_link_open(link);
    if (incoming) pn_link_flow(link, static_cast<int>(settings_.credit));
}

void Links::refuse(LinkEntry& entry, const Condition& condition) {
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

std::optional<Event> Links::attached(pn_link_t* link) {
    if (auto* own = find(link)) {
        auto* terminus = pn_link_is_sender(link) ? pn_link_remote_target(link) : pn_link_remote_source(link);
        if (pn_terminus_get_type(terminus) == PN_UNSPECIFIED) return std::nullopt;  // refused: the detach follows
        return Attached{own->id, pn_link_is_receiver(link), address_of(terminus), {}};
    }
    // Those that were refused stay until the peer has seen it: it cannot heap them up either.
    if (entries_.size() >= std::size_t{2} * settings_.links) {
        engine_.close({condition::limit_exceeded, "too many links are attached", {}});
        return engine_.closed(pn_connection_condition(engine_.connection()));
    }
    return attached_by_peer(add(link));
}

std::optional<Event> Links::attached_by_peer(LinkEntry& entry) {
    if (entries_.size() > settings_.links) {
        refuse(entry, {condition::limit_exceeded, fmt::format("more than {} links", settings_.links), {}});
        return std::nullopt;
    }
    auto properties = read_first_map(pn_link_remote_properties(entry.link));
    if (!properties) {
        refuse(entry, {condition::argument_error, "link properties: " + properties.error().chain(), {}});
        return std::nullopt;
    }
    const bool incoming = pn_link_is_receiver(entry.link);
    auto* terminus = incoming ? pn_link_remote_target(entry.link) : pn_link_remote_source(entry.link);
    return Attached{entry.id, incoming, address_of(terminus), std::move(*properties)};
}

std::optional<Event> Links::detached(pn_link_t* link, bool for_good) {
    std::optional<Event> event;
    if (const auto* entry = find(link)) {
        if (!entry->gone) event = Detached{entry->id, read_condition(pn_link_remote_condition(link))};
        entries_.erase(entries_.begin() + (entry - entries_.data()));
    }
    if ((pn_link_state(link) & PN_LOCAL_CLOSED) == 0) for_good ? pn_link_close(link) : pn_link_detach(link);
    pn_link_free(link);
    return event;
}

void Links::end_session(pn_session_t* session, std::deque<Event>& told) {
    std::erase_if(entries_, [&](const LinkEntry& entry) {
        if (pn_link_session(entry.link) != session) return false;
        if (!entry.gone) told.emplace_back(Detached{entry.id, {}});
        return true;
    });
    if (session == own_session_) own_session_ = nullptr;
    pn_session_close(session);
    pn_session_free(session);
}

}  // namespace muster::wire::amqp
