// /muster/policies: the access policies, in the words of the provisioning service's ARM resource (facts/dps.md 2.7).
#include "base/log.h"
#include "endpoints/fronts.h"
#include "provisioning/errors.h"
#include "provisioning/events.h"

namespace muster::endpoints {
namespace {

using access::Policies;
using access::Policy;
using access::Right;

// Keys are shown where they were just made or asked for by name, never in a listing.
json::object policy_json(const Policy& policy, bool with_keys) {
    json::object out{{"keyName", policy.name}, {"rights", access::rights_to_json(policy.rights)}};
    if (!with_keys) return out;
    out["primaryKey"] = base64_encode(policy.primary_key.bytes());
    out["secondaryKey"] = base64_encode(policy.secondary_key.bytes());
    return out;
}

Error no_such_policy(std::string_view name) {
    return Error(Errc::not_found, fmt::format("there is no access policy '{}'", printable(name)))
        .with_number(provisioning::code::not_found);
}

Result<Policy*> find_policy(Policies& policies, std::string_view name) {
    if (auto* policy = policies.find(name)) return policy;
    return fail(no_such_policy(name));
}

struct Change {
    std::string_view type;
    json::object detail;
    access::PolicyBook::Edit edit;
};

// Tried first, so that the journal tells of no change that was never possible; written there before it is made, so that
// none is ever missing from it. A change that then fails to reach the disk is told of, too.
Task<Result<>> make_change(const Exchange& exchange, const Policy& caller, const std::string& name, Change change) {
    auto& book = exchange.services.policies;
    auto& events = exchange.services.events;
    const auto by = origin_of(exchange, caller);
    MUSTER_CO_CHECK(book.check(change.edit));
    MUSTER_CO_CHECK(co_await events.record(by, exchange.services.clock.now(), change.type, name, change.detail));
    auto changed = co_await book.change(std::move(change.edit));
    log_change(exchange, caller, change.type, changed);
    if (changed) co_return changed;
    change.detail["error"] = changed.error().message();
    if (auto noted = co_await events.record(by, exchange.services.clock.now(), "policy.notChanged", name,
                                            std::move(change.detail));
        !noted)
        log::error("the journal does not know that a change of a policy failed", {{"error", noted.error().chain()}});
    co_return changed;
}

net::HttpResponse shown_policy(const Exchange& exchange, const std::string& name, bool with_keys) {
    const auto policies = exchange.services.policies.current();
    const auto* policy = policies->find(name);
    return policy == nullptr ? provisioning_error(exchange, no_such_policy(name))
                             : json_answer(exchange, 200, policy_json(*policy, with_keys));
}

net::HttpResponse list(const Exchange& exchange) {
    json::array all;
    const auto policies = exchange.services.policies.current();
    for (const auto& policy : policies->all()) all.push_back(policy_json(policy, false));
    return json_answer(exchange, 200, json::object{{"value", std::move(all)}});
}

// A key of the body, or else the one there is, or else a new one.
Result<Secret> chosen_key(const json::object& body, std::string_view member, const Secret* existing, Random& random) {
    if (find_member(body, member) != nullptr) return access::policy_key_from_json(body, member);
    return existing != nullptr ? existing->clone() : access::new_policy_key(random);
}

// What a PUT makes of the policy there is. "If-Match: *" asks that it is there, "If-None-Match: *" that it is not.
Result<> write_policy(Policies& policies, const std::string& name, const json::object& body, const Exchange& exchange) {
    const auto* existing = policies.find(name);
    if (existing == nullptr && exchange.if_match()) return fail(no_such_policy(name));
    if (existing != nullptr && exchange.request.headers.find("If-None-Match") != nullptr)
        return fail(Error(Errc::already_exists, fmt::format("the access policy '{}' exists", name)));
    Policy policy{.name = name, .primary_key = {}, .secondary_key = {}};
    MUSTER_TRY(policy.rights, access::rights_from_json(find_member(body, "rights")));
    if (policy.rights == 0)
        return fail(provisioning::bad_body("\"rights\" is empty: a policy without rights serves nobody"));
    auto& random = exchange.services.random;
    MUSTER_TRY(policy.primary_key,
               chosen_key(body, "primaryKey", existing != nullptr ? &existing->primary_key : nullptr, random));
    MUSTER_TRY(policy.secondary_key,
               chosen_key(body, "secondaryKey", existing != nullptr ? &existing->secondary_key : nullptr, random));
    policies.put(std::move(policy));
    return {};
}

Task<net::HttpResponse> put(const Exchange& exchange, const Policy& caller, const std::string& name) {
    if (auto right = access::check_policy_name(name); !right) co_return provisioning_error(exchange, right.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const bool exists = exchange.services.policies.current()->find(name) != nullptr;
    json::object detail;
    if (const auto* rights = find_member(*body, "rights")) detail["rights"] = *rights;
    auto changed = co_await make_change(
        exchange, caller, name,
        {.type = exists ? "policy.updated" : "policy.created",
         .detail = std::move(detail),
         .edit = [&](Policies& policies) { return write_policy(policies, name, *body, exchange); }});
    if (!changed) co_return provisioning_error(exchange, changed.error());
    co_return shown_policy(exchange, name, true);
}

Task<net::HttpResponse> remove(const Exchange& exchange, const Policy& caller, const std::string& name) {
    if (name == caller.name)
        co_return provisioning_error(
            exchange,
            Error(Errc::conflict, fmt::format("'{}' is the access policy that this very call was made with", name))
                .with_hint("delete it with another policy that has the right ServiceConfig"));
    auto changed = co_await make_change(exchange, caller, name,
                                        {.type = "policy.deleted", .detail = {}, .edit = [&](Policies& policies) {
                                             return policies.erase(name) ? Result<>() : fail(no_such_policy(name));
                                         }});
    co_return changed ? empty_answer(exchange, 204) : provisioning_error(exchange, changed.error());
}

Task<net::HttpResponse> regenerate(const Exchange& exchange, const Policy& caller, const std::string& name) {
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto key = string_or(*body, "key");
    if (key != "primary" && key != "secondary")
        co_return provisioning_error(exchange, provisioning::bad_body("\"key\" must be primary or secondary"));
    auto changed = co_await make_change(
        exchange, caller, name,
        {.type = "policy.keyRegenerated", .detail = {{"key", key}}, .edit = [&](Policies& policies) -> Result<> {
             MUSTER_TRY(auto* policy, find_policy(policies, name));
             (key == "primary" ? policy->primary_key : policy->secondary_key) =
                 access::new_policy_key(exchange.services.random);
             return {};
         }});
    if (!changed) co_return provisioning_error(exchange, changed.error());
    co_return shown_policy(exchange, name, true);
}

Task<net::HttpResponse> action(const Exchange& exchange, const Policy& caller, const std::string& name) {
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    if (exchange.segment_is(3, "regenerateKey")) co_return co_await regenerate(exchange, caller, name);
    if (!exchange.segment_is(3, "listKeys")) co_return provisioning_error(exchange, no_such_path(exchange));
    log_change(exchange, caller, "policy keys read", {});
    co_return shown_policy(exchange, name, true);
}

}  // namespace

Task<net::HttpResponse> operator_policies(const Exchange& exchange) {
    const auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto& segments = exchange.segments();
    if (segments.size() == 2)
        co_return exchange.is("GET") ? list(exchange)
                                     : provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    const auto& name = segments[2];
    if (segments.size() == 4) co_return co_await action(exchange, **policy, name);
    if (segments.size() != 3) co_return provisioning_error(exchange, no_such_path(exchange));
    if (exchange.is("GET")) co_return shown_policy(exchange, name, false);
    if (exchange.is("PUT")) co_return co_await put(exchange, **policy, name);
    if (exchange.is("DELETE")) co_return co_await remove(exchange, **policy, name);
    co_return provisioning_error(exchange, method_not_allowed(exchange, "GET, PUT, DELETE"));
}

}  // namespace muster::endpoints
