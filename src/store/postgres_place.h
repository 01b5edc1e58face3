// Which database the settings lead to, for people.
#pragma once

#include <string>

#include "store/postgres_settings.h"

namespace muster::store {

// "muster at db-1.example,db-2.example"; a unix socket by its directory. Never the password. What is not set has
// libpq's own defaults, the environment's among them.
std::string place_of(const PostgresSettings& settings);

}  // namespace muster::store
