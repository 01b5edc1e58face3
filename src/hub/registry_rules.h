// The registry's rules on single identities, inside a transaction that the caller runs.
#pragma once

#include "hub/registry.h"

namespace muster::hub {

struct ModuleName {
    std::string_view device_id;
    std::string_view module_id;
};

Result<store::IdentityRecord> find_device(store::Tx& tx, std::string_view device_id);
Result<store::IdentityRecord> find_module(store::Tx& tx, std::string_view device_id, std::string_view module_id);

Result<Written> create_device(store::Tx& tx, std::string_view device_id, const json::object& body, TimePoint now,
                              Random& random);
Result<Written> update_device(store::Tx& tx, std::string_view device_id, const json::object& body,
                              std::string_view if_match, TimePoint now, Random& random);
Result<> remove_device(store::Tx& tx, std::string_view device_id, std::string_view if_match);

Result<Written> create_module(store::Tx& tx, ModuleName name, const json::object& body, AuthenticationNames names,
                              TimePoint now, Random& random);
Result<Written> update_module(store::Tx& tx, ModuleName name, const json::object& body, std::string_view if_match,
                              AuthenticationNames names, Random& random);
Result<> remove_module(store::Tx& tx, ModuleName name, std::string_view if_match);

Result<store::IdentityRecord> replace_twin(store::Tx& tx, ModuleName name, const json::object& body,
                                           const std::optional<std::string>& if_match, TimePoint now);

// One item of POST /devices; importMode decides.
Result<> apply_bulk_item(store::Tx& tx, const json::value& item, TimePoint now, Random& random);
json::object bulk_error(const json::value& item, const Error& error);

}  // namespace muster::hub
