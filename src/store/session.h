// SQL on one connection, inside one transaction: what the tables of this room are written against.
//
// Statements are plain SQL that SQLite and PostgreSQL both run: parameters are $1, $2, ... in order of appearance,
// upserts are ON CONFLICT ... DO UPDATE, bytes are BYTEA, times are microseconds since the epoch in BIGINT. Texts are
// UTF-8; PostgreSQL keeps other bytes, and NUL, as \xNN.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/topic.h"

namespace muster::store {

// A parameter; it views the caller's memory for the length of the call.
class Value {
public:
    enum class Kind { null, integer, text, bytes };

    Value(std::nullptr_t) {}
    Value(std::int64_t number) : kind_(Kind::integer), number_(number) {}
    Value(int number) : kind_(Kind::integer), number_(number) {}
    Value(bool flag) : kind_(Kind::integer), number_(flag ? 1 : 0) {}
    Value(TimePoint time) : kind_(Kind::integer), number_(time.time_since_epoch().count()) {}
    Value(std::string_view text) : kind_(Kind::text), view_(text) {}
    Value(const std::string& text) : kind_(Kind::text), view_(text) {}
    Value(const char* text) : kind_(Kind::text), view_(text) {}
    Value(ByteView bytes) : kind_(Kind::bytes), view_(as_text(bytes)) {}
    Value(const Bytes& bytes) : Value(ByteView(bytes)) {}
    template <class T>
    Value(const std::optional<T>& value) {
        if (value) *this = Value(*value);
    }

    Kind kind() const { return kind_; }
    std::int64_t number() const { return number_; }
    std::string_view view() const { return view_; }

private:
    Kind kind_ = Kind::null;
    std::int64_t number_ = 0;
    std::string_view view_;
};

// One row of an answer; its views are valid until the callback returns.
class Row {
public:
    virtual ~Row() = default;
    virtual bool is_null(int column) const = 0;
    virtual std::int64_t integer(int column) const = 0;
    virtual std::string_view text(int column) const = 0;
    virtual ByteView bytes(int column) const = 0;

    std::string string(int column) const { return std::string(text(column)); }
    std::optional<std::string> optional_string(int column) const {
        if (is_null(column)) return std::nullopt;
        return string(column);
    }
    bool boolean(int column) const { return integer(column) != 0; }
    TimePoint time(int column) const { return TimePoint(Micros(integer(column))); }
    Bytes byte_vector(int column) const {
        const auto view = bytes(column);
        return Bytes(view.begin(), view.end());
    }
};

class Session {
public:
    virtual ~Session() = default;
    // Errors: Errc::already_exists for a violated unique key, Errc::unavailable for a full disk or a broken database.
    virtual Result<> query(std::string_view sql, std::initializer_list<Value> parameters,
                           const std::function<void(const Row&)>& each) = 0;
    // The number of rows changed.
    virtual Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Value> parameters) = 0;
    // Several statements without parameters, for migrations.
    virtual Result<> script(std::string_view sql) = 0;
    // Tells other musterds on this database, once the transaction is durable. Who says so reads anew by itself.
    virtual Result<> announce(Topic) { return {}; }
    // Whether others may write to this database at the same time: several musterds, or several connections of one.
    virtual bool is_shared() const { return false; }
};

}  // namespace muster::store
