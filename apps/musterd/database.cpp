#include "database.h"

#include <sys/stat.h>

#include "base/text.h"
#include "store/postgres_driver.h"
#include "store/postgres_place.h"
#include "store/sqlite_driver.h"

namespace muster::musterd {
namespace {

constexpr unsigned readers = 2;

// As a password file is read: what is somebody else's is given to the user that musterd runs as.
Result<std::string> read_own_file(const std::filesystem::path& path) {
    auto text = read_file(path, 64 * 1024);
    if (!text && text.error().code() == Errc::forbidden)
        return fail(std::move(text).error().with_hint(fmt::format("chown muster {0}; chmod 0600 {0}", path.string())));
    return text;
}

}  // namespace

Result<Secret> read_password(const std::filesystem::path& path) {
    struct stat found{};
    if (::stat(path.c_str(), &found) == 0 && (found.st_mode & S_IRWXO) != 0)
        return fail(Error(Errc::forbidden, fmt::format("{} may be read by everybody", path.string()))
                        .with_hint(fmt::format("chmod 0600 {0}; chown muster {0}", path.string())));
    MUSTER_TRY(auto text, read_own_file(path));
    const std::string_view line(text.data(), std::min(text.size(), text.find('\n')));
    Secret password(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
    wipe(text.data(), text.size());
    if (password.empty()) return fail(Errc::invalid_argument, "the first line of {} is empty", path.string());
    return password;
}

Result<Database> open_database(const Settings& settings, const DataDirectory& data) {
    if (settings.postgres) {
        MUSTER_TRY(auto driver, store::PostgresDriver::open(*settings.postgres));
        auto description = fmt::format("PostgreSQL, the database {}", store::place_of(*settings.postgres));
        return Database{std::move(driver), "postgresql", std::move(description)};
    }
    const auto file = data.file(sqlite_file);
    MUSTER_TRY(auto driver, store::SqliteDriver::open(file, readers, settings.store_cache));
    return Database{std::move(driver), "sqlite", fmt::format("SQLite, {}", file.string())};
}

}  // namespace muster::musterd
