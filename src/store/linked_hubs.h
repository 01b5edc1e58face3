// The hubs that devices can be sent to, and the settings of the service that go with them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "store/session.h"

namespace muster::store {

// A linked hub. The hub of this musterd itself has a record, under the empty name, once its operator has changed how
// devices are allocated to it.
struct LinkedHubRecord {
    std::string name;  // host name, as it was linked
    std::string etag;
    std::string address;       // "host:port" to connect to
    std::string policy;        // of the connection string
    std::string key;           // base64
    std::string certificates;  // PEM of what is trusted besides the operating system's store; empty for none
    std::string location;
    std::int64_t weight = 1;
    bool allocates = true;  // takes part when an enrollment names no hubs
    std::string latencies;  // JSON array of what the operator says; empty for none
    TimePoint created{};
    TimePoint updated{};
};

class LinkedHubTable {
public:
    explicit LinkedHubTable(Session& session) : session_(session) {}
    Result<std::optional<LinkedHubRecord>> find(std::string_view name);
    // Inserts or replaces.
    Result<> put(const LinkedHubRecord& record);
    Result<bool> erase(std::string_view name);
    // By name, the own first when it has a record.
    Result<std::vector<LinkedHubRecord>> list();

private:
    Session& session_;
};

// Settings of the service that are changed over its API: texts by name.
class SettingTable {
public:
    explicit SettingTable(Session& session) : session_(session) {}
    Result<std::optional<std::string>> find(std::string_view name);
    Result<> put(std::string_view name, std::string_view value);

private:
    Session& session_;
};

}  // namespace muster::store
