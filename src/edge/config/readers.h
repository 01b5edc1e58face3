// Readers that the parts of the super-config share. Internal to this room.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config.h"
#include "edge/config/super_config.h"

namespace muster::edge::readers {

Given given(const ConfigSection& section, std::string_view name, std::string value);
// A string that `check` has nothing to say against.
template <class Check>
std::optional<Given> checked(const ConfigSection& section, std::string_view name, Check check) {
    auto value = section.string(name);
    if (!value) return std::nullopt;
    if (const auto wrong = check(*value)) {
        section.problem(name, *wrong);
        return std::nullopt;
    }
    return given(section, name, std::move(*value));
}
// The same, mandatory.
template <class Check>
std::optional<Given> required(const ConfigSection& section, std::string_view name, std::string_view why, Check check) {
    if (!section.required_string(name, why)) return std::nullopt;
    return checked(section, name, check);
}

// A file:// URI.
std::optional<GivenFile> file(const ConfigSection& section, std::string_view name);
// A key: a file:// URI, or the pkcs11: URI of one in a token.
std::optional<GivenFile> key_file(const ConfigSection& section, std::string_view name);
std::optional<std::uint32_t> number(const ConfigSection& section, std::string_view name);
// Every member a string, in file order.
std::vector<std::pair<std::string, std::string>> text_map(const ConfigSection& section);
// A key that belongs to another form of its table: "only with method = \"x509\"".
void only_with(const ConfigSection& section, const std::vector<std::string>& names, std::string_view condition);

// [auto_renew] and its like: all three keys; absent or true: the usual ones; false, a value of ours: no renewal.
std::optional<AutoRenew> auto_renew(const ConfigSection& section, std::string_view name);
struct SubjectName {
    std::optional<std::string> common_name;
    std::vector<std::pair<std::string, std::string>> rest;
};
SubjectName subject(const ConfigSection& section);
// A certificate that someone issues (method est, local_ca or self_signed).
IssueOptions issue_options(const ConfigSection& section);
void cert_issuance(const ConfigSection& root, SuperConfig& config);
EdgeCa edge_ca(const ConfigSection& root);
void preloaded(const ConfigSection& root, SuperConfig& config);

Provisioning provisioning(const ConfigSection& root);
// [provisioning] with source = "manual".
void manual_provisioning(const ConfigSection& section, Provisioning& out);
// identity_cert and identity_pk.
void identity_files(const ConfigSection& section, Provisioning& out);
// { value = "<base64>" } or { uri = "..." }
std::optional<SharedKey> shared_key(const ConfigSection& section, std::string_view name);
std::optional<ProxySettings> proxy(const ConfigSection& root);
// agent, connect, listen, watchdog, moby_runtime, image_garbage_collection and their like.
void container_runtime(const ConfigSection& root, SuperConfig& config);

}  // namespace muster::edge::readers
