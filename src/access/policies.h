// Shared access policies: who may call the service-facing APIs, and what for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/random.h"

namespace muster::access {

// The rights of both planes, in the words of the Azure documents.
enum class Right : unsigned {
    service_config = 1u << 0,
    enrollment_read = 1u << 1,
    enrollment_write = 1u << 2,
    registration_status_read = 1u << 3,
    registration_status_write = 1u << 4,
    registry_read = 1u << 5,
    registry_write = 1u << 6,
    service_connect = 1u << 7,
    device_connect = 1u << 8,
};

std::string_view to_string(Right right);  // "EnrollmentRead"
// The names of the rights that are set, and back; the error names the one that is unknown.
json::array rights_to_json(unsigned rights);
Result<unsigned> rights_from_json(const json::value* list);
// A policy's name: 1 to 64 letters, digits and -_.
Result<> check_policy_name(std::string_view name);
// The base64 text of a policy's key: at least 16 bytes.
Result<Secret> policy_key_from_json(const json::object& policy, std::string_view member);
Secret new_policy_key(Random& random);

struct Policy {
    std::string name;
    Secret primary_key;  // decoded
    Secret secondary_key;
    unsigned rights = 0;  // of Right

    bool may(Right right) const { return (rights & static_cast<unsigned>(right)) != 0; }
    Policy clone() const { return {name, primary_key.clone(), secondary_key.clone(), rights}; }
};

class Policies {
public:
    // The policies of a fresh service, with random 64-byte keys.
    static Policies generate(Random& random);
    // The text of access-policies.json; Errc::invalid_argument naming the policy and member that is wrong.
    static Result<Policies> parse(std::string_view text);
    std::string serialize() const;
    Policies clone() const;

    // Adds, or replaces the one of that name.
    void put(Policy policy);
    bool erase(std::string_view name);

    const std::vector<Policy>& all() const { return policies_; }
    const Policy* find(std::string_view name) const;
    Policy* find(std::string_view name) { return const_cast<Policy*>(std::as_const(*this).find(name)); }

    // The policy that an Authorization header proves. `hosts` are the names this service answers to; the token's
    // resource must be one of them, with or without a port and a path. Errc::unauthorized with a sentence that says
    // what is wrong with the token (never which policies exist).
    Result<const Policy*> authenticate(std::string_view authorization, const std::vector<std::string>& hosts,
                                       TimePoint now) const;

private:
    std::vector<Policy> policies_;
};

}  // namespace muster::access
