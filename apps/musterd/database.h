// Where musterd has its records: SQLite in its data directory, or a PostgreSQL database that several musterds share.
#pragma once

#include <filesystem>
#include <memory>

#include "base/bytes.h"
#include "data_directory.h"
#include "settings.h"
#include "store/driver.h"

namespace muster::musterd {

inline constexpr std::string_view sqlite_file = "muster.db";

// A PostgreSQL database takes the connection's password from this file: its first line. Errc::forbidden when others
// than its owner and group may read it.
Result<Secret> read_password(const std::filesystem::path& path);

struct Database {
    std::unique_ptr<store::Driver> driver;
    std::string kind;         // "sqlite", "postgresql"
    std::string description;  // for people; never a password
};

Result<Database> open_database(const Settings& settings, const DataDirectory& data);

}  // namespace muster::musterd
