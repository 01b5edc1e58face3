#include "access/policies.h"

#include <array>

#include "base/text.h"
#include "wire/sas.h"

namespace muster::access {
namespace {

constexpr std::array all_rights{
    Right::service_config,           Right::enrollment_read,           Right::enrollment_write,
    Right::registration_status_read, Right::registration_status_write, Right::registry_read,
    Right::registry_write,           Right::service_connect,           Right::device_connect,
};

constexpr std::size_t generated_key_bytes = 64;
constexpr std::size_t shortest_key_bytes = 16;
constexpr std::size_t longest_name = 64;

constexpr unsigned bits(std::initializer_list<Right> rights) {
    unsigned all = 0;
    for (const auto right : rights) all |= static_cast<unsigned>(right);
    return all;
}

struct BuiltIn {
    std::string_view name;
    unsigned rights;
};

// `owner` is ours: one key for both planes, which is what the command line uses. The others are Azure's built-in ones
// and a reader for the provisioning side, which Azure leaves to be made by hand.
constexpr std::array built_in{
    BuiltIn{"owner", bits({Right::service_config, Right::enrollment_read, Right::enrollment_write,
                           Right::registration_status_read, Right::registration_status_write, Right::registry_read,
                           Right::registry_write, Right::service_connect, Right::device_connect})},
    BuiltIn{"provisioningserviceowner",
            bits({Right::service_config, Right::enrollment_read, Right::enrollment_write, Right::device_connect,
                  Right::registration_status_read, Right::registration_status_write})},
    BuiltIn{"provisioningreader", bits({Right::enrollment_read, Right::registration_status_read})},
    BuiltIn{"iothubowner",
            bits({Right::registry_read, Right::registry_write, Right::service_connect, Right::device_connect})},
    BuiltIn{"registryRead", bits({Right::registry_read})},
    BuiltIn{"registryReadWrite", bits({Right::registry_read, Right::registry_write})},
    BuiltIn{"service", bits({Right::service_connect})},
    BuiltIn{"device", bits({Right::device_connect})},
};

Result<Policy> parse_policy(const json::object& object) {
    Policy policy;
    MUSTER_TRY(policy.name, required_string(object, "keyName"));
    auto rest = [&]() -> Result<> {
        MUSTER_TRY(policy.primary_key, policy_key_from_json(object, "primaryKey"));
        MUSTER_TRY(policy.secondary_key, policy_key_from_json(object, "secondaryKey"));
        MUSTER_TRY(policy.rights, rights_from_json(find_member(object, "rights")));
        return {};
    }();
    if (!rest) return std::unexpected(rest.error().wrap(fmt::format("policy \"{}\"", policy.name)));
    return policy;
}

// What the document holds of them; those of the policies wipe themselves.
void wipe_keys(json::object& policy) {
    for (const std::string_view member : {"primaryKey", "secondaryKey"})
        if (auto* value = policy.if_contains(member); value != nullptr && value->is_string())
            wipe(value->as_string().data(), value->as_string().size());
}

// The host of a resource: "host", "host:port" or "host/path", in lower case.
std::string resource_host(std::string_view resource) {
    return to_lower(resource.substr(0, resource.find_first_of(":/")));
}

}  // namespace

std::string_view to_string(Right right) {
    switch (right) {
        case Right::service_config: return "ServiceConfig";
        case Right::enrollment_read: return "EnrollmentRead";
        case Right::enrollment_write: return "EnrollmentWrite";
        case Right::registration_status_read: return "RegistrationStatusRead";
        case Right::registration_status_write: return "RegistrationStatusWrite";
        case Right::registry_read: return "RegistryRead";
        case Right::registry_write: return "RegistryWrite";
        case Right::service_connect: return "ServiceConnect";
        case Right::device_connect: return "DeviceConnect";
    }
    return "";
}

json::array rights_to_json(unsigned rights) {
    json::array names;
    for (const auto right : all_rights)
        if ((rights & static_cast<unsigned>(right)) != 0) names.emplace_back(to_string(right));
    return names;
}

Result<unsigned> rights_from_json(const json::value* list) {
    if (list == nullptr || !list->is_array()) return fail(Errc::invalid_argument, "\"rights\" must be an array");
    unsigned rights = 0;
    for (const auto& entry : list->as_array()) {
        const std::string name = entry.is_string() ? std::string(entry.as_string()) : std::string();
        const auto* found = std::ranges::find(all_rights, name, &to_string);
        if (found == all_rights.end()) return fail(Errc::invalid_argument, "unknown right \"{}\"", printable(name));
        rights |= static_cast<unsigned>(*found);
    }
    return rights;
}

Result<> check_policy_name(std::string_view name) {
    const bool right = !name.empty() && name.size() <= longest_name && std::ranges::all_of(name, [](unsigned char c) {
        return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
    });
    if (right) return {};
    return fail(Errc::invalid_argument, "a policy's name has 1 to {} letters, digits or -_., not '{}'", longest_name,
                printable(name));
}

Result<Secret> policy_key_from_json(const json::object& policy, std::string_view member) {
    MUSTER_TRY(auto text, required_string(policy, member));
    auto key = base64_decode(text);
    wipe(text.data(), text.size());
    if (!key) return fail(Errc::invalid_argument, "\"{}\" is not base64", member);
    if (key->size() < shortest_key_bytes)
        return fail(Errc::invalid_argument, "\"{}\" has fewer than {} bytes", member, shortest_key_bytes);
    return Secret(std::move(*key));
}

Secret new_policy_key(Random& random) {
    return Secret(random.bytes(generated_key_bytes));
}

Policies Policies::generate(Random& random) {
    Policies out;
    for (const auto& [name, rights] : built_in)
        out.policies_.push_back({std::string(name), new_policy_key(random), new_policy_key(random), rights});
    return out;
}

Result<Policies> Policies::parse(std::string_view text) {
    MUSTER_TRY(auto document, parse_json_object(text));
    auto* list = document.if_contains("policies");
    if (list == nullptr || !list->is_array()) return fail(Errc::invalid_argument, "\"policies\" must be an array");
    Policies out;
    for (auto& entry : list->as_array()) {
        if (!entry.is_object()) return fail(Errc::invalid_argument, "every policy must be an object");
        auto parsed = parse_policy(entry.as_object());
        wipe_keys(entry.as_object());
        MUSTER_TRY(auto policy, std::move(parsed));
        if (out.find(policy.name) != nullptr)
            return fail(Errc::invalid_argument, "policy \"{}\" is there twice", policy.name);
        out.policies_.push_back(std::move(policy));
    }
    return out;
}

std::string Policies::serialize() const {
    json::array list;
    for (const auto& policy : policies_) {
        list.push_back(json::object{{"keyName", policy.name},
                                    {"primaryKey", base64_encode(policy.primary_key.bytes())},
                                    {"secondaryKey", base64_encode(policy.secondary_key.bytes())},
                                    {"rights", rights_to_json(policy.rights)}});
    }
    return pretty(json::object{{"policies", std::move(list)}}) + "\n";
}

Policies Policies::clone() const {
    Policies copy;
    for (const auto& policy : policies_) copy.policies_.push_back(policy.clone());
    return copy;
}

void Policies::put(Policy policy) {
    const auto found = std::ranges::find(policies_, policy.name, &Policy::name);
    if (found == policies_.end()) {
        policies_.push_back(std::move(policy));
    } else {
        *found = std::move(policy);
    }
}

bool Policies::erase(std::string_view name) {
    return std::erase_if(policies_, [&](const Policy& policy) { return policy.name == name; }) != 0;
}

const Policy* Policies::find(std::string_view name) const {
    const auto found = std::ranges::find(policies_, name, &Policy::name);
    return found == policies_.end() ? nullptr : &*found;
}

Result<const Policy*> Policies::authenticate(std::string_view authorization, const std::vector<std::string>& hosts,
                                             TimePoint now) const {
    if (authorization.empty())
        return fail(Error(Errc::unauthorized, "the request has no Authorization header")
                        .with_hint("send a SharedAccessSignature made with the key of an access policy"));
    MUSTER_TRY(const auto token, wire::SasToken::parse(authorization));
    const auto* policy = find(token.policy);
    // An unknown policy and a wrong signature answer alike.
    if (policy == nullptr ||
        !(token.signed_by(policy->primary_key.bytes()) || token.signed_by(policy->secondary_key.bytes())))
        return fail(Errc::unauthorized, "the signature does not fit the access policy named by skn");
    if (token.expired(now))
        return fail(
            Error(Errc::unauthorized, fmt::format("the shared access signature expired at {}",
                                                  format_utc_seconds(TimePoint(std::chrono::seconds(token.expiry)))))
                .with_hint("make a new one; check the clocks of both machines"));
    const auto host = resource_host(token.resource);
    if (std::ranges::none_of(hosts, [&](const auto& name) { return resource_host(name) == host; }))
        return fail(Errc::unauthorized, "the shared access signature is for '{}', which is not this service",
                    printable(token.resource));
    return policy;
}

}  // namespace muster::access
