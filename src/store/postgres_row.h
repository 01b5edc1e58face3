// A row of what PostgreSQL answered, in its binary format.
#pragma once

#include <libpq-fe.h>

#include "store/session.h"

namespace muster::store {

class PostgresRow final : public Row {
public:
    PostgresRow(const PGresult* result, int row) : result_(result), row_(row) {}

    bool is_null(int column) const override { return PQgetisnull(result_, row_, column) != 0; }
    // Of any integer type, or a boolean: two's complement, the highest byte first.
    std::int64_t integer(int column) const override {
        const auto value = bytes(column);
        if (value.empty()) return 0;
        std::uint64_t number = (value[0] & 0x80U) != 0 ? ~std::uint64_t{0} : 0;
        for (const auto byte : value) number = number << 8 | byte;
        return static_cast<std::int64_t>(number);
    }
    std::string_view text(int column) const override { return as_text(bytes(column)); }
    ByteView bytes(int column) const override {
        return {reinterpret_cast<const std::uint8_t*>(PQgetvalue(result_, row_, column)),
                static_cast<std::size_t>(PQgetlength(result_, row_, column))};
    }

private:
    const PGresult* result_;
    int row_;
};

}  // namespace muster::store
