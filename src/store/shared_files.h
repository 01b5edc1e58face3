// The small files that make several musterds on one database one service: its id scope, its secrets, its access
// policies and the CA of its server certificates, of which each musterd has copies in its own data directory; and the
// keys of its authority, which are here alone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "store/session.h"

namespace muster::store {

struct SharedFileRecord {
    std::string name;  // relative to the data directory: "operation.key", "authority/root.key.pem"
    Secret content;
    std::int64_t version = 1;  // steps by one with each change
    TimePoint updated{};
};

class SharedFileTable {
public:
    explicit SharedFileTable(Session& session) : session_(session) {}
    Result<std::optional<SharedFileRecord>> find(std::string_view name);
    // 0 when it is not there.
    Result<std::int64_t> version(std::string_view name);
    // Inserts or replaces.
    Result<> put(const SharedFileRecord& record);
    Result<bool> erase(std::string_view name);
    // Those whose names begin so, by name.
    Result<std::vector<SharedFileRecord>> list(std::string_view beginning = "");

private:
    Session& session_;
};

}  // namespace muster::store
