#include "store/sqlite_connection.h"

#include <fcntl.h>
#include <unistd.h>

namespace muster::store {
namespace {

constexpr int busy_timeout_ms = 10'000;

class SqliteRow final : public Row {
public:
    explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
    bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
    std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
    std::string_view text(int column) const override {
        const auto* data = sqlite3_column_text(statement_, column);
        if (data == nullptr) return {};
        return {reinterpret_cast<const char*>(data),
                static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    ByteView bytes(int column) const override {
        const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
        if (data == nullptr) return {};
        return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }

private:
    sqlite3_stmt* statement_;
};

// Leaves the statement ready for its next use, whatever happened.
class Reset {
public:
    explicit Reset(sqlite3_stmt* statement) : statement_(statement) {}
    Reset(const Reset&) = delete;
    Reset& operator=(const Reset&) = delete;
    ~Reset() {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }

private:
    sqlite3_stmt* statement_;
};

int bind_value(sqlite3_stmt* statement, int index, const Value& value) {
    switch (value.kind()) {
        case Value::Kind::null: return sqlite3_bind_null(statement, index);
        case Value::Kind::integer: return sqlite3_bind_int64(statement, index, value.number());
        case Value::Kind::text:
            // A null pointer would bind NULL here, too: a default string_view is the empty text.
            return sqlite3_bind_text64(statement, index, value.view().empty() ? "" : value.view().data(),
                                       value.view().size(), SQLITE_STATIC, SQLITE_UTF8);
        case Value::Kind::bytes:
            // A null pointer would bind NULL; the empty blob is not NULL.
            return value.view().empty()
                       ? sqlite3_bind_zeroblob(statement, index, 0)
                       : sqlite3_bind_blob64(statement, index, value.view().data(), value.view().size(), SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

}  // namespace

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const std::filesystem::path& file, bool read_only,
                                                                 std::size_t cache_bytes) {
    if (!read_only) {
        // SQLite would create it with the umask's mode; the database holds keys.
        const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0) return fail(errno_error(fmt::format("cannot open the database {}", file.string()), errno));
        ::close(fd);
    }
    sqlite3* raw = nullptr;
    const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX;
    const int code = sqlite3_open_v2(file.c_str(), &raw, flags, nullptr);
    std::unique_ptr<SqliteConnection> connection(new SqliteConnection(raw, file));
    if (code != SQLITE_OK) return connection->failure(code, "open");
    sqlite3_extended_result_codes(raw, 1);
    sqlite3_busy_timeout(raw, busy_timeout_ms);
    if (!read_only) {
        // FULL: the WAL is synced at every commit, so what was answered survives a power cut.
        MUSTER_CHECK(
            connection->script("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"));
    }
    // No memory mapping: a mapped page counts as memory of ours, and a failing disk would be a SIGBUS; in CPU no gain
    // was to be seen.
    MUSTER_CHECK(connection->script("PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;"));
    MUSTER_CHECK(connection->script(fmt::format("PRAGMA cache_size=-{};", cache_bytes / 1024)));  // in KiB
    return connection;
}

SqliteConnection::~SqliteConnection() {
    for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(database_);
}

std::unexpected<Error> SqliteConnection::failure(int code, std::string_view doing) const {
    const auto primary = code & 0xff;
    Errc kind = Errc::unavailable;
    if (primary == SQLITE_CONSTRAINT) kind = Errc::already_exists;
    if (primary == SQLITE_MISUSE || primary == SQLITE_ERROR || primary == SQLITE_RANGE) kind = Errc::internal;
    auto error =
        Error(kind, fmt::format("cannot {} the database {}: {} (SQLite {})", doing, file_.string(),
                                database_ != nullptr ? sqlite3_errmsg(database_) : sqlite3_errstr(code), code));
    if (primary == SQLITE_FULL) return fail(std::move(error).with_hint("free space on its file system"));
    if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
        return fail(std::move(error).with_hint("restore the database from a backup"));
    return fail(std::move(error));
}

Result<sqlite3_stmt*> SqliteConnection::prepare(std::string_view sql) {
    if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
    sqlite3_stmt* statement = nullptr;
    const int code = sqlite3_prepare_v3(database_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                        &statement, nullptr);
    if (code != SQLITE_OK) return failure(code, "prepare a statement for");
    // SQLite numbers $N by first appearance, PostgreSQL by N; only statements where both agree are let through.
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); ++i) {
        const char* name = sqlite3_bind_parameter_name(statement, i);
        if (name == nullptr || fmt::format("${}", i) != name) {
            sqlite3_finalize(statement);
            return fail(Errc::internal, "parameters out of order in: {}", sql);
        }
    }
    statements_.emplace(std::string_view(sqlite3_sql(statement)), statement);
    return statement;
}

Result<> SqliteConnection::bind(sqlite3_stmt* statement, std::initializer_list<Value> parameters) {
    if (sqlite3_bind_parameter_count(statement) != static_cast<int>(parameters.size()))
        return fail(Errc::internal, "{} parameters given to: {}", parameters.size(), sqlite3_sql(statement));
    int index = 0;
    for (const auto& value : parameters)
        if (const int code = bind_value(statement, ++index, value); code != SQLITE_OK) return failure(code, "bind to");
    return {};
}

Result<> SqliteConnection::query(std::string_view sql, std::initializer_list<Value> parameters,
                                 const std::function<void(const Row&)>& each) {
    MUSTER_TRY(auto* statement, prepare(sql));
    const Reset reset(statement);
    MUSTER_CHECK(bind(statement, parameters));
    const SqliteRow row(statement);
    for (;;) {
        const int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) return {};
        if (code != SQLITE_ROW) return failure(code, "read");
        each(row);
    }
}

Result<std::int64_t> SqliteConnection::execute(std::string_view sql, std::initializer_list<Value> parameters) {
    MUSTER_CHECK(query(sql, parameters, [](const Row&) {}));
    return sqlite3_changes64(database_);
}

Result<> SqliteConnection::script(std::string_view sql) {
    const std::string text(sql);
    const int code = sqlite3_exec(database_, text.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return failure(code, "set up");
    return {};
}

}  // namespace muster::store
