#include "endpoints/authority_front.h"

#include "base/text.h"
#include "provisioning/errors.h"
#include "provisioning/identifiers.h"

namespace muster::endpoints {
namespace {

using access::Right;
using provisioning::bad_body;

constexpr std::int64_t longest_days = 36500;
constexpr std::int64_t default_password_seconds = 24 * 3600;

Result<> outcome_of(const auto& result) {
    if (result) return {};
    return std::unexpected(result.error());
}

Result<std::chrono::days> days_of(const json::object& body, std::string_view name, std::chrono::days otherwise) {
    MUSTER_TRY(const auto given, optional_integer(body, name));
    if (!given) return otherwise;
    if (*given < 1 || *given > longest_days)
        return fail(bad_body(fmt::format("\"{}\" must be 1 to {} days", name, longest_days)));
    return std::chrono::days(*given);
}

Result<pki::KeySpec> key_spec_of(const json::object& body) {
    MUSTER_TRY(const auto text, optional_string(body, "keySpec"));
    if (!text) return pki::KeySpec{};
    return pki::KeySpec::parse(*text);
}

struct Creation {
    authority::NewAuthority wanted;
    bool replace;
};

Result<Creation> read_creation(const Exchange& exchange) {
    MUSTER_TRY(const auto body, exchange.body());
    MUSTER_TRY(const auto name, optional_string(body, "name"));
    MUSTER_TRY(const auto key, key_spec_of(body));
    const authority::NewAuthority usual{};
    MUSTER_TRY(const auto root_life, days_of(body, "rootDays", usual.root_life));
    MUSTER_TRY(const auto issuing_life, days_of(body, "issuingDays", usual.issuing_life));
    MUSTER_TRY(const auto replace, optional_bool(body, "replace"));
    MUSTER_TRY(const auto new_root, optional_bool(body, "newRoot"));
    return Creation{{.name = name.value_or(fmt::format("Muster {}", exchange.services.scope)),
                     .key = key,
                     .root_life = root_life,
                     .issuing_life = issuing_life,
                     .new_root = new_root.value_or(false)},
                    replace.value_or(false)};
}

Task<Result<json::object>> create(const Exchange& exchange, store::Origin by) {
    MUSTER_CO_TRY(auto creation, read_creation(exchange));
    co_return co_await exchange.services.authority->authority.create(std::move(creation.wanted), creation.replace,
                                                                     std::move(by));
}

Task<Result<json::object>> request(const Exchange& exchange, store::Origin by) {
    MUSTER_CO_TRY(const auto body, exchange.body());
    MUSTER_CO_TRY(const auto name, required_string(body, "commonName"));
    MUSTER_CO_TRY(const auto key, key_spec_of(body));
    co_return co_await exchange.services.authority->authority.request(name, key, std::move(by));
}

Task<Result<json::object>> install(const Exchange& exchange, store::Origin by) {
    MUSTER_CO_TRY(const auto body, exchange.body());
    MUSTER_CO_TRY(const auto chain, required_string(body, "chain"));
    MUSTER_CO_TRY(auto key, optional_string(body, "key"));
    Secret secret(std::string_view(key ? *key : std::string()));
    if (key) wipe(key->data(), key->size());
    co_return co_await exchange.services.authority->authority.install(chain, std::move(secret), std::move(by));
}

// POST /muster/authority/{create,request,install}.
Task<net::HttpResponse> set_up(const Exchange& exchange) {
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const bool creates = exchange.segment_is(2, "create");
    const bool installs = exchange.segment_is(2, "install");
    const auto result = creates    ? co_await create(exchange, origin_of(exchange, **policy))
                        : installs ? co_await install(exchange, origin_of(exchange, **policy))
                                   : co_await request(exchange, origin_of(exchange, **policy));
    log_change(exchange, **policy,
               creates    ? "certificate authority made"
               : installs ? "certificate authority installed"
                          : "certificate authority requested",
               outcome_of(result));
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<net::HttpResponse> show(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    if (const auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    const auto status = co_await exchange.services.authority->authority.status();
    co_return status ? json_answer(exchange, 200, *status) : provisioning_error(exchange, status.error());
}

Task<net::HttpResponse> list_certificates(const Exchange& exchange) {
    if (const auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto page = page_request(exchange);
    if (!page) co_return provisioning_error(exchange, page.error());
    authority::CertificateFilter filter{
        .group_id = exchange.request.parameter("enrollmentGroupId").value_or(""),
        .registration_id = exchange.request.parameter("registrationId").value_or(""),
        .revoked_only = equals_ignore_case(exchange.request.parameter("revoked").value_or(""), "true")};
    auto result = co_await exchange.services.authority->certificates.list(std::move(filter),
                                                                          std::move(page->continuation), page->limit);
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return page_answer(exchange, {std::move(result->items), std::move(result->continuation)}, "IssuedCertificate");
}

Task<net::HttpResponse> revoke(const Exchange& exchange) {
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto text = optional_string(*body, "reason");
    if (!text) co_return provisioning_error(exchange, text.error());
    const auto reason = pki::parse_revocation_reason(text->value_or("unspecified"));
    if (!reason) co_return provisioning_error(exchange, reason.error());
    const auto result = co_await exchange.services.authority->certificates.revoke(exchange.segments()[3], *reason,
                                                                                  origin_of(exchange, **policy));
    log_change(exchange, **policy, "certificate revoked", outcome_of(result));
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<net::HttpResponse> certificates(const Exchange& exchange) {
    const auto depth = exchange.segments().size();
    if (depth == 5 && exchange.segment_is(4, "revoke")) co_return co_await revoke(exchange);
    if (depth > 4) co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    if (depth == 3) co_return co_await list_certificates(exchange);
    if (const auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    const auto result = co_await exchange.services.authority->certificates.get(exchange.segments()[3]);
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<Result<json::object>> make_password(const Exchange& exchange, store::Origin by) {
    const auto& id = exchange.segments()[3];
    MUSTER_CO_CHECK(provisioning::check_id(id, "registration id"));
    MUSTER_CO_TRY(const auto body, exchange.body());
    MUSTER_CO_TRY(const auto group, required_string(body, "enrollmentGroupId"));
    MUSTER_CO_TRY(const auto life, optional_integer(body, "lifeSeconds"));
    const auto longest = std::chrono::seconds(authority::Passwords::max_life).count();
    const auto seconds = life.value_or(default_password_seconds);
    if (seconds < 1 || seconds > longest)
        co_return fail(bad_body(fmt::format("\"lifeSeconds\" must be 1 to {}", longest)));
    co_return co_await exchange.services.authority->passwords.make(id, group, std::chrono::seconds(seconds),
                                                                   std::move(by));
}

Task<net::HttpResponse> passwords(const Exchange& exchange) {
    if (exchange.segments().size() != 4) co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("PUT") && !exchange.is("DELETE"))
        co_return provisioning_error(exchange, method_not_allowed(exchange, "PUT, DELETE"));
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    if (exchange.is("DELETE")) {
        const auto result = co_await exchange.services.authority->passwords.withdraw(exchange.segments()[3],
                                                                                     origin_of(exchange, **policy));
        log_change(exchange, **policy, "one-time password withdrawn", result);
        co_return result ? empty_answer(exchange, 204) : provisioning_error(exchange, result.error());
    }
    const auto result = co_await make_password(exchange, origin_of(exchange, **policy));
    log_change(exchange, **policy, "one-time password made", outcome_of(result));
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

}  // namespace

bool is_authority(const Exchange& exchange) {
    return exchange.services.authority != nullptr && exchange.segment_is(0, "muster") &&
           exchange.segment_is(1, "authority");
}

Task<net::HttpResponse> authority_front(const Exchange& exchange) {
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    if (exchange.segments().size() == 2) co_return co_await show(exchange);
    if (exchange.segment_is(2, "certificates")) co_return co_await certificates(exchange);
    if (exchange.segment_is(2, "oneTimePasswords")) co_return co_await passwords(exchange);
    const bool sets_up =
        exchange.segment_is(2, "create") || exchange.segment_is(2, "request") || exchange.segment_is(2, "install");
    if (exchange.segments().size() != 3 || !sets_up) co_return provisioning_error(exchange, no_such_path(exchange));
    co_return co_await set_up(exchange);
}

bool is_revocation_list(const Exchange& exchange) {
    return exchange.services.authority != nullptr && exchange.segment_is(0, "crl");
}

Task<net::HttpResponse> revocation_list(const Exchange& exchange) {
    constexpr std::string_view ending = ".crl";
    if (exchange.segments().size() != 2 || !exchange.segments()[1].ends_with(ending))
        co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    const auto& name = exchange.segments()[1];
    const auto list =
        co_await exchange.services.authority->certificates.revocation_list(name.substr(0, name.size() - ending.size()));
    if (!list) co_return provisioning_error(exchange, list.error());
    auto response = empty_answer(exchange, 200);
    response.headers.add("Content-Type", "application/pkix-crl");
    response.body = as_text((*list)->der);
    co_return response;
}

}  // namespace muster::endpoints
