// What makes a service the one that its devices and operators know: its id scope, its secrets, its access policies.
//
// They are files of the data directory (mode 0600), which a first start makes. Where several musterds share a database
// they are records there, and the files are each musterd's copies (shared_files.h).
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "access/policy_book.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/random.h"
#include "data_directory.h"
#include "settings.h"

namespace muster::musterd {

inline constexpr std::string_view scope_file = "id-scope";
inline constexpr std::string_view operation_key_file = "operation.key";
inline constexpr std::string_view webhook_key_file = "webhook.key";  // signs what webhooks are asked
// Made last: who finds it finds the others.
inline constexpr std::string_view policies_file = "access-policies.json";
inline constexpr std::string_view authority_directory = "authority";  // keys of CAs (authority/keys.h)
inline constexpr std::array service_file_names{scope_file, operation_key_file, webhook_key_file, policies_file};

// Files by name.
using FileContents = std::map<std::string, Secret, std::less<>>;

struct ServiceFiles {
    std::string id_scope;
    Secret operation_key;
    Secret webhook_key;
    access::Policies policies;
    // Where changed policies go, and where those come from that others changed.
    access::PolicyBook::Save save_policies;
    access::PolicyBook::Load load_policies;
    std::string news;  // what a first start made, for the operator; else empty
};

// What is wrong with one of them names it.
Result<ServiceFiles> parse_service_files(const FileContents& contents);
// What a first start makes of that file. `id_scope`: the configured one.
Secret new_service_file(std::string_view name, const std::optional<std::string>& id_scope, Random& random);

// What this musterd is asked to be.
struct Wanted {
    std::optional<std::string> id_scope;
    std::string host_name;
    bool own_ca = true;  // its certificate is one that musterd makes; else the operator's
};
Wanted wanted_by(const Settings& settings);

// Those of a musterd that has its records to itself; what is missing is made.
Result<ServiceFiles> own_service_files(const DataDirectory& data, const Wanted& wanted, const Clock& clock,
                                       Random& random);

// Errc::conflict when another id scope is configured; `where` the stored one is.
Result<> check_scope(const std::string& stored, const std::optional<std::string>& configured, std::string_view where);

}  // namespace muster::musterd
