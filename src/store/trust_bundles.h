// Trust bundles: CA certificates under a name, which devices are given with their registration.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/session.h"

namespace muster::store {

struct TrustBundleRecord {
    std::string id;
    std::string etag;
    std::string certificates;  // PEM, one after another
    TimePoint created{};
    TimePoint updated{};
};

class TrustBundleTable {
public:
    explicit TrustBundleTable(Session& session) : session_(session) {}
    Result<std::optional<TrustBundleRecord>> find(std::string_view id);
    // Inserts or replaces.
    Result<> put(const TrustBundleRecord& record);
    Result<bool> erase(std::string_view id);
    // By id, in order; `after` is the id of the last of the page before.
    Result<std::vector<TrustBundleRecord>> list(std::string_view after, std::size_t limit);
    Result<std::int64_t> count();
    // Ids of enrollments and of groups that name it.
    Result<std::vector<std::string>> users(std::string_view id, std::size_t limit);

private:
    Session& session_;
};

}  // namespace muster::store
