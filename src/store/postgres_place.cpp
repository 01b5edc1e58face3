#include "store/postgres_place.h"

#include <libpq-fe.h>

#include <memory>

#include "base/owner.h"

namespace muster::store {
namespace {

using Options = std::unique_ptr<PQconninfoOption, Freer<PQconninfoFree>>;

std::string value_of(const Options& options, std::string_view keyword) {
    if (!options) return {};
    for (const auto* option = options.get(); option->keyword != nullptr; ++option)
        if (option->keyword == keyword && option->val != nullptr) return option->val;
    return {};
}

}  // namespace

std::string place_of(const PostgresSettings& settings) {
    const Options given(PQconninfoParse(settings.connection.c_str(), nullptr));
    const Options defaults(PQconndefaults());
    const auto value = [&](std::string_view keyword) {
        auto text = value_of(given, keyword);
        return text.empty() ? value_of(defaults, keyword) : text;
    };
    auto host = value("host");
    if (host.empty()) host = value("hostaddr");
    auto database = value("dbname");
    if (database.empty()) database = value("user");
    return fmt::format("{} at {}", database, host.empty() ? "this machine" : host);
}

}  // namespace muster::store
