// Hears what other musterds on this database announce (Session::announce).
#pragma once

#include <functional>

#include "store/postgres_link.h"
#include "store/topic.h"

namespace muster::store {

// Listens on the calling thread until the driver closes. `told` gets what others announced; every topic once it can
// hear (again), since it cannot know what it missed.
void listen_to_announcements(PostgresLink& link, const std::function<void(Topic)>& told);

}  // namespace muster::store
