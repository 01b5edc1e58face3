// What operators do with whole fleets: POST /muster/registrations/test (would this device be let in, and why not?) and
// GET /muster/enrollments, /muster/enrollmentGroups (all of an enrollment, to be imported elsewhere).
#include "base/text.h"
#include "endpoints/fronts.h"
#include "provisioning/errors.h"

namespace muster::endpoints {
namespace {

using access::Right;
using provisioning::EnrollmentKind;

// {"registrationId"?, "certificateChain": PEM}, {"registrationId", "authorization": a shared access signature} or
// {"registrationId", "endorsementKey": base64}. The id of a certificate is its common name unless given.
Result<provisioning::DeviceRequest> tried_request(const Exchange& exchange, const json::object& body,
                                                  const std::optional<std::string>& endorsement_key) {
    MUSTER_TRY(const auto id, optional_string(body, "registrationId"));
    MUSTER_TRY(const auto chain, optional_string(body, "certificateChain"));
    MUSTER_TRY(const auto authorization, optional_string(body, "authorization"));
    if (int{chain.has_value()} + int{authorization.has_value()} + int{endorsement_key.has_value()} != 1)
        return fail(
            provisioning::bad_body("give one of \"certificateChain\", \"authorization\" and \"endorsementKey\""));
    if (authorization && trim(*authorization).empty())
        return fail(provisioning::bad_body("\"authorization\" is empty"));
    provisioning::DeviceRequest request{.scope = exchange.services.scope,
                                        .registration_id = id.value_or(""),
                                        .chain = {},
                                        .authorization = authorization.value_or(""),
                                        .tracking_id = exchange.tracking_id,
                                        .peer = exchange.peer.address};
    if (chain) {
        auto parsed = pki::parse_chain(*chain);
        if (!parsed)
            return fail(parsed.error()
                            .wrap(Errc::invalid_argument, "\"certificateChain\"")
                            .with_number(provisioning::code::invalid_body));
        if (parsed->empty()) return fail(provisioning::bad_body("\"certificateChain\" holds no certificate"));
        request.chain = std::move(*parsed);
        if (!id) request.registration_id = request.chain.front().common_name();
    }
    if (request.registration_id.empty()) return fail(provisioning::bad_body("\"registrationId\" is missing"));
    return request;
}

}  // namespace

Task<net::HttpResponse> operator_registrations(const Exchange& exchange) {
    if (exchange.segments().size() != 3 || !exchange.segment_is(2, "test"))
        co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("POST")) co_return provisioning_error(exchange, method_not_allowed(exchange, "POST"));
    if (auto policy = exchange.authorize(Right::enrollment_read); !policy)
        co_return provisioning_error(exchange, policy.error());
    const auto body = exchange.body();
    if (!body) co_return provisioning_error(exchange, body.error());
    auto endorsement_key = optional_string(*body, "endorsementKey");
    if (!endorsement_key) co_return provisioning_error(exchange, endorsement_key.error());
    auto request = tried_request(exchange, *body, *endorsement_key);
    if (!request) co_return provisioning_error(exchange, request.error());
    auto& registrations = exchange.services.registrations;
    auto result = *endorsement_key
                      ? co_await registrations.explain_tpm(std::move(*request), std::move(**endorsement_key))
                      : co_await registrations.explain(std::move(*request));
    co_return result ? json_answer(exchange, 200, *result) : provisioning_error(exchange, result.error());
}

Task<net::HttpResponse> operator_enrollments(const Exchange& exchange, EnrollmentKind kind) {
    if (exchange.segments().size() != 2) co_return provisioning_error(exchange, no_such_path(exchange));
    if (!exchange.is("GET")) co_return provisioning_error(exchange, method_not_allowed(exchange, "GET"));
    const bool with_keys = equals_ignore_case(exchange.request.parameter("keys").value_or("false"), "true");
    auto policy = exchange.authorize(with_keys ? Right::enrollment_write : Right::enrollment_read);
    if (!policy) co_return provisioning_error(exchange, policy.error());
    auto page = page_request(exchange);
    if (!page) co_return provisioning_error(exchange, page.error());
    const bool first = page->continuation.empty();
    auto result = co_await exchange.services.enrollments.export_page(kind, std::move(*page), with_keys);
    if (with_keys && first) log_change(exchange, **policy, "enrollments exported with their keys", {});
    if (!result) co_return provisioning_error(exchange, result.error());
    co_return page_answer(exchange, std::move(*result),
                          kind == EnrollmentKind::individual ? "Enrollment" : "EnrollmentGroup");
}

}  // namespace muster::endpoints
