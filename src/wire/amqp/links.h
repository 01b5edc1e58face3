// The links of one connection: which there are, how they come and go, and how many there may be.
#pragma once

#include <proton/link.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "wire/amqp/condition.h"
#include "wire/amqp/engine.h"
#include "wire/amqp/events.h"
#include "wire/amqp/message.h"
#include "wire/amqp/proton.h"
#include "wire/amqp/settings.h"

namespace muster::wire::amqp {

struct LinkEntry {
    LinkId id;
    pn_link_t* link;
    bool gone;  // refused, or broken by us: it is only waited for the peer's word
};

// How the peer of a link wants messages sent on it (section 2.8.2); a number that means nothing is no wish.
pn_snd_settle_mode_t settling_of_peer(pn_link_t* link);

class Links {
public:
    Links(Engine& engine, const Settings& settings) : engine_(engine), settings_(settings) {}

    // Null when there is none. Good until a link comes or goes.
    LinkEntry* find(LinkId id);
    LinkEntry* find(const pn_link_t* link);
    // Null, too, when it is gone.
    LinkEntry* find_live(LinkId id);
    const std::vector<LinkEntry>& all() const { return entries_; }

    // By our will.
    LinkId attach(bool incoming, const std::string& address, const Map& properties);
    void accept(const LinkEntry& entry);
    void refuse(LinkEntry& entry, const Condition& condition);

    // By the peer's: what is to be told of it.
    std::optional<Event> attached(pn_link_t* link);
    std::optional<Event> detached(pn_link_t* link, bool for_good);
    // With all links on it, each of which is told.
    void end_session(pn_session_t* session, std::deque<Event>& told);

private:
    std::optional<Event> attached_by_peer(LinkEntry& entry);
    LinkEntry& add(pn_link_t* link);

    Engine& engine_;
    const Settings& settings_;
    std::vector<LinkEntry> entries_;
    LinkId last_ = 0;
    pn_session_t* own_session_ = nullptr;
};

}  // namespace muster::wire::amqp
