// One SQLite connection with its prepared statements, as a Session.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <memory>
#include <unordered_map>

#include "store/session.h"

namespace muster::store {

class SqliteConnection final : public Session {
public:
    // `cache_bytes`: pages that it keeps at most, taken as needed.
    static Result<std::unique_ptr<SqliteConnection>> open(const std::filesystem::path& file, bool read_only,
                                                          std::size_t cache_bytes = 64 << 20);
    ~SqliteConnection() override;
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    Result<> query(std::string_view sql, std::initializer_list<Value> parameters,
                   const std::function<void(const Row&)>& each) override;
    Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Value> parameters) override;
    Result<> script(std::string_view sql) override;

    sqlite3* get() const { return database_; }

private:
    SqliteConnection(sqlite3* database, std::filesystem::path file) : database_(database), file_(std::move(file)) {}
    Result<sqlite3_stmt*> prepare(std::string_view sql);
    Result<> bind(sqlite3_stmt* statement, std::initializer_list<Value> parameters);
    std::unexpected<Error> failure(int code, std::string_view doing) const;

    sqlite3* database_;
    std::filesystem::path file_;
    std::unordered_map<std::string_view, sqlite3_stmt*> statements_;  // keys view the statements' own text
};

}  // namespace muster::store
