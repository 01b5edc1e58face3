#include "store/copy.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace muster::store {
namespace {

struct Column {
    std::string name;
    Value::Kind kind;
};

struct Table {
    std::string name;
    std::vector<Column> columns;
};

// A value that outlives its row.
struct Cell {
    Value::Kind kind = Value::Kind::null;
    std::int64_t number = 0;
    std::string text;

    Value value() const {
        switch (kind) {
            case Value::Kind::integer: return number;
            case Value::Kind::text: return std::string_view(text);
            case Value::Kind::bytes: return as_bytes(text);
            case Value::Kind::null: break;
        }
        return nullptr;
    }
};

// As many values as one statement is given: several rows at a time, so that each costs less than a way there and back.
constexpr std::size_t most_values = 64;
using Values = std::array<Value, most_values>;

template <std::size_t... Index>
Result<std::int64_t> execute_with(Session& session, std::string_view sql, const Values& values,
                                  std::index_sequence<Index...>) {
    return session.execute(sql, {values[Index]...});
}

template <std::size_t Count>
Result<std::int64_t> execute_first(Session& session, std::string_view sql, const Values& values) {
    return execute_with(session, sql, values, std::make_index_sequence<Count>());
}

// Session takes its parameters as a list of a length that the compiler knows.
template <std::size_t... Count>
Result<std::int64_t> execute_first(Session& session, std::string_view sql, const Values& values, std::size_t count,
                                   std::index_sequence<Count...>) {
    using Execute = Result<std::int64_t> (*)(Session&, std::string_view, const Values&);
    static constexpr std::array<Execute, sizeof...(Count)> by_count{&execute_first<Count + 1>...};
    return by_count.at(count - 1)(session, sql, values);
}

Value::Kind kind_of(std::string_view type) {
    if (type == "TEXT") return Value::Kind::text;
    return type == "BYTEA" ? Value::Kind::bytes : Value::Kind::integer;
}

Result<std::vector<Table>> tables_of(Session& sqlite) {
    std::vector<Table> tables;
    MUSTER_CHECK(
        sqlite.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND "
                     "name <> 'schema_version' ORDER BY name",
                     {}, [&](const Row& row) { tables.push_back({row.string(0), {}}); }));
    for (auto& table : tables)
        MUSTER_CHECK(
            sqlite.query(fmt::format("SELECT name, type FROM pragma_table_info('{}') ORDER BY cid", table.name), {},
                         [&](const Row& row) { table.columns.push_back({row.string(0), kind_of(row.text(1))}); }));
    return tables;
}

Result<> check_empty(Session& to, const std::vector<Table>& tables) {
    for (const auto& table : tables) {
        bool any = false;
        MUSTER_CHECK(
            to.query(fmt::format("SELECT 1 FROM {} LIMIT 1", table.name), {}, [&](const Row&) { any = true; }));
        if (any)
            return fail(Error(Errc::conflict,
                              fmt::format("the database is not empty: there are records in its table {}", table.name))
                            .with_hint("copy into a new database; what a musterd has put there goes with `dropdb`"));
    }
    return {};
}

// Rows on their way into one table.
class Inserter {
public:
    Inserter(Session& to, const Table& table)
        : to_(to), table_(table), rows_at_once_(std::max<std::size_t>(1, most_values / table.columns.size())) {
        for (const auto& column : table.columns) names_.push_back(column.name);
    }

    Result<> add(const Row& row) {
        for (std::size_t i = 0; i < table_.columns.size(); ++i) cells_.push_back(cell(row, i));
        ++count_;
        return ++rows_ < rows_at_once_ ? Result<>() : flush();
    }
    Result<> flush() {
        if (rows_ == 0) return {};
        Values values = values_of(std::make_index_sequence<most_values>());
        std::vector<std::string> tuples;
        for (std::size_t row = 0; row < rows_; ++row) tuples.push_back(tuple(row));
        const auto sql =
            fmt::format("INSERT INTO {} ({}) VALUES {}", table_.name, join(names_, ", "), join(tuples, ", "));
        MUSTER_CHECK(execute_first(to_, sql, values, cells_.size(), std::make_index_sequence<most_values>()));
        cells_.clear();
        rows_ = 0;
        return {};
    }
    std::int64_t count() const { return count_; }

private:
    Cell cell(const Row& row, std::size_t column) const {
        const auto place = static_cast<int>(column);
        const auto kind = row.is_null(place) ? Value::Kind::null : table_.columns[column].kind;
        switch (kind) {
            case Value::Kind::integer: return {.kind = kind, .number = row.integer(place), .text = {}};
            case Value::Kind::text: return {.kind = kind, .text = row.string(place)};
            case Value::Kind::bytes: return {.kind = kind, .text = std::string(as_text(row.bytes(place)))};
            case Value::Kind::null: break;
        }
        return {};
    }
    template <std::size_t... Index>
    Values values_of(std::index_sequence<Index...>) const {
        return {(Index < cells_.size() ? cells_[Index].value() : Value(nullptr))...};
    }
    std::string tuple(std::size_t row) const {
        std::vector<std::string> parameters;
        for (std::size_t i = 0; i < names_.size(); ++i)
            parameters.push_back(fmt::format("${}", row * names_.size() + i + 1));
        return fmt::format("({})", join(parameters, ", "));
    }

    Session& to_;
    const Table& table_;
    const std::size_t rows_at_once_;
    std::vector<std::string> names_;
    std::vector<Cell> cells_;
    std::size_t rows_ = 0;
    std::int64_t count_ = 0;
};

Result<std::int64_t> copy_table(Session& sqlite, Session& to, const Table& table) {
    Inserter inserter(to, table);
    std::vector<std::string> names;
    for (const auto& column : table.columns) names.push_back(column.name);
    Result<> inserted;
    MUSTER_CHECK(sqlite.query(fmt::format("SELECT {} FROM {}", join(names, ", "), table.name), {}, [&](const Row& row) {
        if (inserted) inserted = inserter.add(row);
    }));
    MUSTER_CHECK(inserted);
    MUSTER_CHECK(inserter.flush());
    return inserter.count();
}

Result<std::int64_t> copy_tables(Session& sqlite, Session& to) {
    MUSTER_TRY(const auto tables, tables_of(sqlite));
    MUSTER_CHECK(check_empty(to, tables));
    std::int64_t copied = 0;
    for (const auto& table : tables) {
        auto count = copy_table(sqlite, to, table);
        if (!count) return fail(count.error().wrap(fmt::format("the table {}", table.name)));
        copied += *count;
    }
    return copied;
}

}  // namespace

Result<std::int64_t> copy_records(Driver& sqlite, Driver& to, const std::function<Result<>(Tx&)>& also) {
    std::int64_t copied = 0;
    MUSTER_CHECK(to.write_now([&](Session& target) -> Result<> {
        MUSTER_CHECK(sqlite.write_now([&](Session& source) -> Result<> {
            MUSTER_TRY(copied, copy_tables(source, target));
            return {};
        }));
        Tx tx(target);
        return also(tx);
    }));
    return copied;
}

}  // namespace muster::store
