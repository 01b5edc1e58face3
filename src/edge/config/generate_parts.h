// What the makers of the service files share, and the parts with files of their own. Internal to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/config/generate.h"
#include "edge/config/toml_text.h"

namespace muster::edge {

inline constexpr std::string_view edge_ca_id = "aziot-edged-ca";
inline constexpr std::string_view device_id = "device-id";
inline constexpr std::string_view local_ca_id = "local-ca";

using Texts = std::vector<std::string>;

// With the two lines that every generated file begins with.
TomlText begin_file();
void principal(TomlText& out, uid_t uid, std::string_view list, const Texts& ids);
// [proxy]: the same in every file of a service that calls out.
void proxy_section(TomlText& out, const SuperConfig& config);
void auto_renew_values(TomlText& out, const AutoRenew& renew);
// { O = "Plant", CN = "dev" }
std::string subject_value(const std::vector<std::pair<std::string, std::string>>& parts);
// common_name or subject, when there is one.
void subject_values(TomlText& out, const IssueOptions& options);

// Where the next certificate or key of an id is made: "device-id-temp".
std::string next_id(std::string_view id);
bool rotates_key(const IssueOptions& options);
bool issues_edge_ca(const EdgeCa& ca);

// generate_certd.cpp
std::string certd_file(const GenerateInput& in);
// The keys, from files, that certd signs in and issues with, by id.
std::map<std::string, GivenFile> issuing_keys(const SuperConfig& config);
// The ids of all keys that certd uses.
Texts keys_of_certd(const SuperConfig& config);

}  // namespace muster::edge
