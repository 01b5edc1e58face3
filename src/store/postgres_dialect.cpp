#include "store/postgres_dialect.h"

#include <algorithm>
#include <cctype>

namespace muster::store {
namespace {

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

std::string_view translated(std::string_view word) {
    if (word == "TEXT") return R"(TEXT COLLATE "C")";
    if (word == "INTEGER") return "BIGINT";
    return word;
}

}  // namespace

std::string postgres_dialect(std::string_view sql) {
    std::string out;
    const auto* place = sql.begin();
    while (place != sql.end()) {
        // A literal is passed over as it is.
        if (*place == '\'') {
            const auto* end = std::find(place + 1, sql.end(), '\'');
            if (end != sql.end()) ++end;
            out.append(place, end);
            place = end;
            continue;
        }
        const auto* end = is_word(*place) ? std::find_if_not(place, sql.end(), is_word) : place + 1;
        out += translated(std::string_view(place, end));
        place = end;
    }
    return out;
}

}  // namespace muster::store
