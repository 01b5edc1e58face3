#include "base/text.h"
#include "endpoints/fronts.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

using access::Right;
using provisioning::EnrollmentKind;

net::HttpResponse object_answer(const Exchange& exchange, const Result<json::object>& result) {
    return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

net::HttpResponse deleted_answer(const Exchange& exchange, const Result<>& result) {
    return result ? empty_answer(exchange, 204) : provisioning_error(exchange, result.error());
}

Result<> outcome_of(const auto& result) {
    if (result) return {};
    return std::unexpected(result.error());
}

Task<net::HttpResponse> put_enrollment(const Exchange& exchange, EnrollmentKind kind) {
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto result = co_await exchange.services.enrollments.put(kind, exchange.segments()[1], std::move(*body),
                                                                   exchange.if_match(), origin_of(exchange, **policy));
    log_change(exchange, **policy, "enrollment written", outcome_of(result));
    co_return object_answer(exchange, result);
}

Task<net::HttpResponse> delete_enrollment(const Exchange& exchange, EnrollmentKind kind) {
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto result = co_await exchange.services.enrollments.remove(kind, exchange.segments()[1], exchange.if_match(),
                                                                      origin_of(exchange, **policy));
    log_change(exchange, **policy, "enrollment deleted", result);
    co_return deleted_answer(exchange, result);
}

Task<net::HttpResponse> get_enrollment(const Exchange& exchange, EnrollmentKind kind) {
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    co_return object_answer(exchange, co_await exchange.services.enrollments.get(kind, exchange.segments()[1]));
}

Task<net::HttpResponse> bulk(const Exchange& exchange, EnrollmentKind kind) {
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto result =
        co_await exchange.services.enrollments.bulk(kind, std::move(*body), origin_of(exchange, **policy));
    log_change(exchange, **policy, "enrollments written in bulk", outcome_of(result));
    co_return object_answer(exchange, result);
}

Task<net::HttpResponse> query(const Exchange& exchange, EnrollmentKind kind) {
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    auto page = page_request(exchange);
    if (!page) co_return provisioning_error(exchange, page.error());
    auto result = co_await exchange.services.enrollments.query(kind, std::move(*body), std::move(*page));
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return page_answer(exchange, std::move(*result),
                          kind == EnrollmentKind::individual ? "Enrollment" : "EnrollmentGroup");
}

Task<net::HttpResponse> attestation(const Exchange& exchange, EnrollmentKind kind) {
    // It shows keys, so reading alone is not enough.
    auto policy = exchange.authorize(Right::enrollment_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto result = co_await exchange.services.enrollments.attestation(kind, exchange.segments()[1]);
    log_change(exchange, **policy, "attestation mechanism read", outcome_of(result));
    co_return object_answer(exchange, result);
}

Task<net::HttpResponse> enrollments(const Exchange& exchange, EnrollmentKind kind) {
    const auto depth = exchange.segments().size();
    if (depth == 1) {
        if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
        co_return co_await bulk(exchange, kind);
    }
    if (depth == 2 && exchange.is("POST") && exchange.segment_is(1, "query")) co_return co_await query(exchange, kind);
    if (depth == 3 && exchange.segment_is(2, "attestationmechanism")) {
        if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
        co_return co_await attestation(exchange, kind);
    }
    if (depth != 2) co_return provisioning_error(exchange, no_such_path(exchange));
    if (exchange.is("GET")) co_return co_await get_enrollment(exchange, kind);
    if (exchange.is("PUT")) co_return co_await put_enrollment(exchange, kind);
    if (exchange.is("DELETE")) co_return co_await delete_enrollment(exchange, kind);
    co_return provisioning_error(exchange, method_not_allowed(exchange, "GET, PUT, DELETE"));
}

Task<net::HttpResponse> query_registrations(const Exchange& exchange) {
    if (auto policy = exchange.authorize(Right::registration_status_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto page = page_request(exchange);
    if (!page) co_return provisioning_error(exchange, page.error());
    auto result = co_await exchange.services.enrollments.query_registrations(exchange.segments()[1], std::move(*page));
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return page_answer(exchange, std::move(*result), "DeviceRegistration");
}

Task<net::HttpResponse> registrations(const Exchange& exchange) {
    const auto depth = exchange.segments().size();
    if (depth == 3 && exchange.segment_is(2, "query")) {
        if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
        co_return co_await query_registrations(exchange);
    }
    if (depth != 2) co_return provisioning_error(exchange, no_such_path(exchange));
    if (exchange.is("GET")) {
        if (auto policy = exchange.authorize(Right::registration_status_read); !policy)
            co_return provisioning_error(exchange, policy.error());
        co_return object_answer(exchange,
                                co_await exchange.services.enrollments.get_registration(exchange.segments()[1]));
    }
    if (!exchange.is("DELETE")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET, DELETE"));
    auto policy = exchange.authorize(Right::registration_status_write);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto result = co_await exchange.services.enrollments.remove_registration(
        exchange.segments()[1], exchange.if_match(), origin_of(exchange, **policy));
    log_change(exchange, **policy, "registration deleted", result);
    co_return deleted_answer(exchange, result);
}

Task<net::HttpResponse> list_certificates(const Exchange& exchange) {
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    auto list = co_await exchange.services.ca_certificates.list();
    if (!list) co_return provisioning_error(exchange, list.error());
    co_return json_answer(exchange, 200, json::object{{"value", std::move(*list)}});
}

Task<net::HttpResponse> change_certificate(const Exchange& exchange, const std::string& name) {
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    if (exchange.is("DELETE")) {
        const auto result =
            co_await exchange.services.ca_certificates.remove(name, exchange.if_match(), origin_of(exchange, **policy));
        log_change(exchange, **policy, "CA certificate deleted", result);
        co_return deleted_answer(exchange, result);
    }
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto result = co_await exchange.services.ca_certificates.put(name, std::move(*body), exchange.if_match(),
                                                                       origin_of(exchange, **policy));
    log_change(exchange, **policy, "CA certificate written", outcome_of(result));
    co_return object_answer(exchange, result);
}

// POST /certificates/{name}/generateVerificationCode and .../verify.
Task<net::HttpResponse> prove_certificate(const Exchange& exchange) {
    const bool makes_code = exchange.segment_is(2, "generateVerificationCode");
    if (!makes_code && !exchange.segment_is(2, "verify"))
        co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    auto policy = exchange.authorize(Right::service_config);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    const auto if_match = exchange.if_match();
    if (!if_match)
        co_return provisioning_error(
            exchange, provisioning::bad_body("this needs If-Match with the certificate's etag, or \"*\""));
    auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    const auto& name = exchange.segments()[1];
    auto& certificates = exchange.services.ca_certificates;
    const auto by = origin_of(exchange, **policy);
    const auto result = makes_code ? co_await certificates.make_verification_code(name, *if_match, by)
                                   : co_await certificates.verify(name, std::move(*body), *if_match, by);
    log_change(exchange, **policy, makes_code ? "verification code made" : "CA certificate verified",
               outcome_of(result));
    co_return object_answer(exchange, result);
}

Task<net::HttpResponse> certificates(const Exchange& exchange) {
    const auto depth = exchange.segments().size();
    if (depth == 1) co_return co_await list_certificates(exchange);
    if (depth == 3) co_return co_await prove_certificate(exchange);
    if (depth != 2) co_return provisioning_error(exchange, no_such_path(exchange));
    const auto& name = exchange.segments()[1];
    if (exchange.is("PUT") || exchange.is("DELETE")) co_return co_await change_certificate(exchange, name);
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET, PUT, DELETE"));
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    co_return object_answer(exchange, co_await exchange.services.ca_certificates.get(name));
}

}  // namespace

bool is_provisioning_service(const Exchange& exchange) {
    return exchange.segment_is(0, "enrollments") || exchange.segment_is(0, "enrollmentGroups") ||
           exchange.segment_is(0, "registrations") || exchange.segment_is(0, "certificates");
}

Task<net::HttpResponse> provisioning_service(const Exchange& exchange) {
    if (exchange.api_version().empty()) co_return provisioning_error(exchange, missing_api_version());
    if (exchange.segment_is(0, "enrollments")) co_return co_await enrollments(exchange, EnrollmentKind::individual);
    if (exchange.segment_is(0, "enrollmentGroups")) co_return co_await enrollments(exchange, EnrollmentKind::group);
    if (exchange.segment_is(0, "certificates")) co_return co_await certificates(exchange);
    co_return co_await registrations(exchange);
}

}  // namespace muster::endpoints
