#include "maintenance.h"

#include "data_directory.h"
#include "database.h"
#include "shared_files.h"
#include "store/copy.h"
#include "store/postgres_driver.h"
#include "store/postgres_place.h"
#include "store/schema.h"
#include "store/sqlite_driver.h"

namespace muster::musterd {
namespace {

constexpr std::string_view copied_file = "muster.db.copied";
// Everything goes in one transaction.
constexpr std::chrono::hours copying_deadline{12};

Result<> check_postgres(const Settings& settings, std::string_view what) {
    if (settings.postgres) return {};
    return fail(
        Error(Errc::invalid_argument, fmt::format("{} is for a service whose records are in PostgreSQL, and the "
                                                  "configuration names no database",
                                                  what))
            .with_hint("name it in the section [store] of the configuration: postgresql = \"host=...\""));
}

// Records, then the drivers closed: SQLite leaves one file then, without a log beside it.
Result<std::int64_t> copy(const Settings& settings, const DataDirectory& data) {
    SystemClock clock;
    // The schema of both is the newest after this.
    MUSTER_TRY(auto sqlite, store::SqliteDriver::open(data.file(sqlite_file), 1, settings.store_cache));
    MUSTER_CHECK(store::migrate(*sqlite));
    auto patient = *settings.postgres;
    patient.transaction_deadline = copying_deadline;
    MUSTER_TRY(auto postgres, store::PostgresDriver::open(std::move(patient)));
    MUSTER_CHECK(store::migrate(*postgres));
    const auto wanted = wanted_by(settings);
    return store::copy_records(*sqlite, *postgres,
                               [&](store::Tx& tx) { return SharedFiles::put_all(tx, data, wanted, clock.now()); });
}

}  // namespace

Result<std::string> copy_to_postgresql(const Settings& settings) {
    MUSTER_CHECK(check_postgres(settings, "--copy-to-postgresql"));
    MUSTER_TRY(const auto data, open_data_directory(settings.data_dir));
    if (!data.has(sqlite_file))
        return fail(
            Error(Errc::not_found, fmt::format("there is no store in {}: no {}", data.path.string(), sqlite_file))
                .with_hint("name the data directory of the service that moves: --data-dir"));
    MUSTER_TRY(const auto copied, copy(settings, data));
    // Nothing starts with it, or without it and the database, by accident any more.
    MUSTER_CHECK(mark_shared(data));
    std::error_code error;
    std::filesystem::rename(data.file(sqlite_file), data.file(copied_file), error);
    if (error)
        return fail(Errc::io, "everything was copied, but {} could not be renamed to {}: {}",
                    data.file(sqlite_file).string(), copied_file, error.message());
    return fmt::format(
        "{} records, the service's keys and its access policies were copied into the database {}.\n"
        "The former store is {}: delete it, and {}, once the service has run well.\n"
        "Now start musterd.\n",
        copied, store::place_of(*settings.postgres), data.file(copied_file).string(),
        data.file(authority_directory).string());
}

Result<std::string> take_host_name(const Settings& settings) {
    MUSTER_CHECK(check_postgres(settings, "--take-host-name"));
    MUSTER_TRY(const auto data, open_data_directory(settings.data_dir));
    MUSTER_TRY(auto driver, store::PostgresDriver::open(*settings.postgres));
    MUSTER_TRY(const auto store, store::Store::open(std::move(driver)));
    SystemClock clock;
    SystemRandom random;
    MUSTER_TRY(const auto before, SharedFiles(*store, data, clock, random).take_host_name(settings.host_name));
    return fmt::format(
        "The service's host name is {} now{}. Start its musterds with host_name = \"{}\"; devices hear it when they "
        "register the next time.\n",
        settings.host_name, before.empty() || before == settings.host_name ? "" : ", and was " + before,
        settings.host_name);
}

}  // namespace muster::musterd
