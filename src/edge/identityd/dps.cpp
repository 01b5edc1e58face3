#include "edge/identityd/dps.h"

#include "base/bytes.h"
#include "base/log.h"
#include "base/text.h"
#include "edge/identityd/cloud_answer.h"
#include "edge/identityd/dps_answer.h"
#include "edge/identityd/wait.h"

namespace muster::edge::identityd {
namespace {

constexpr std::string_view api_version = "2021-06-01";
constexpr std::chrono::seconds first_look{1};  // without Retry-After
constexpr std::chrono::seconds later_look{2};
constexpr std::chrono::seconds pause_between_tries{3};

bool worth_another_try(const Error& error) {
    return error.code() == Errc::unavailable || error.code() == Errc::timeout || error.code() == Errc::throttled;
}

}  // namespace

CloudTarget dps_target(const std::string& endpoint, const Registration& registration) {
    return {endpoint, fmt::format("{}/registrations/{}", registration.scope_id, registration.registration_id),
            "registration"};
}

DpsClient::DpsClient(std::shared_ptr<CloudClient> client, Registration registration)
    : client_(std::move(client)),
      registration_(std::move(registration)),
      deadline_(Clock::now() + registration_.bound) {}

std::string DpsClient::path(std::string_view rest) const {
    return fmt::format("/{}/registrations/{}{}?api-version={}", percent_encode(registration_.scope_id),
                       percent_encode(registration_.registration_id), rest, api_version);
}

void DpsClient::note_wish(const net::HttpResponse& response) {
    wish_ = retry_after(response);
}

Task<Result<net::HttpResponse>> DpsClient::send_register_once() {
    json::object body{{"registrationId", registration_.registration_id}};
    if (registration_.payload) body["payload"] = *registration_.payload;
    if (registration_.tpm)
        body["tpm"] = {{"endorsementKey", registration_.tpm->endorsement},
                       {"storageRootKey", registration_.tpm->storage_root}};
    net::HttpRequest request;
    request.method = "PUT";
    request.target = path("/register");
    request.headers.add("Content-Type", "application/json");
    request.headers.add("Accept", "application/json");
    // RFC 7240: the outcome in this answer, please, if it does not take long. A service that does not know this answers
    // 202 as ever.
    request.headers.add("Prefer", "wait=10");
    request.body = json::serialize(body);
    co_return co_await client_->send(std::move(request));
}

Task<Result<net::HttpResponse>> DpsClient::send_register() {
    for (unsigned tries = 0;; ++tries) {
        auto response = co_await send_register_once();
        if (response || !worth_another_try(response.error()) || tries >= registration_.retries ||
            Clock::now() + pause_between_tries >= deadline_)
            co_return response;
        log::warn("DPS cannot be reached; trying again", {{"error", response.error().chain()}});
        co_await wait_for(pause_between_tries);
    }
}

// One look at the operation; a fault that may pass is an error like one of the network.
Task<Result<net::HttpResponse>> DpsClient::look(std::string where) {
    net::HttpRequest request;
    request.method = "GET";
    request.target = std::move(where);
    request.headers.add("Accept", "application/json");
    wish_.reset();
    MUSTER_CO_TRY(auto response, co_await client_->send(std::move(request)));
    note_wish(response);
    if (passing_fault(response)) co_return fail(refusal("DPS is busy", response));
    if (response.status == 200 || response.status == 202) co_return response;
    co_return fail(refusal(
        fmt::format("DPS refused to tell about the registration of \"{}\"", registration_.registration_id), response));
}

Error DpsClient::too_late(std::string_view operation_id, const std::optional<Error>& trouble) const {
    Error error(Errc::timeout,
                fmt::format("DPS did not finish the registration of \"{}\" within {} s (operation {})",
                            registration_.registration_id, registration_.bound.count(), printable(operation_id, 80)));
    return trouble ? trouble->wrap(Errc::timeout, error.message()) : error;
}

Task<Result<Assignment>> DpsClient::poll(std::string operation_id) {
    const auto where = path("/operations/" + percent_encode(operation_id));
    auto wait = wish_.value_or(first_look);
    std::optional<Error> trouble;
    while (Clock::now() + wait < deadline_) {
        co_await wait_for(wait);
        auto response = co_await look(where);
        wait = wish_.value_or(later_look);
        if (!response) {
            if (!worth_another_try(response.error())) co_return fail(std::move(response).error());
            log::warn("a look at the registration failed; looking again", {{"error", response.error().chain()}});
            trouble = std::move(response).error();
            continue;
        }
        auto reading = read_operation(response->body, registration_.registration_id);
        if (reading.refusal) co_return fail(std::move(*reading.refusal));
        if (reading.assignment) co_return std::move(*reading.assignment);
        trouble.reset();
    }
    co_return fail(too_late(operation_id, trouble));
}

// The wire does not say whether there is such an enrollment; the service's log does.
Error DpsClient::turned_away(const net::HttpResponse& response) const {
    auto error =
        refusal(fmt::format("DPS refused the registration of \"{}\"", registration_.registration_id), response);
    if (error.code() != Errc::unauthorized) return error;
    return std::move(error).with_hint(
        "the operator finds the reason in the service's log, under the trackingId; a device is let in with: "
        "muster enrollment create, or muster enrollment-group create");
}

Task<Result<std::string>> DpsClient::ask_challenge() {
    MUSTER_CO_TRY(const auto response, co_await send_register());
    note_wish(response);
    const auto body = parse_json_object(response.body);
    auto key = body ? string_or(*body, "authenticationKey") : std::string();
    if (response.status == 401 && !key.empty()) co_return key;
    if (response.status == 200 || response.status == 202)
        co_return fail(Errc::conflict, "DPS gave an answer that cannot be used: it asks for no proof of the TPM");
    co_return fail(turned_away(response));
}

Task<Result<Reading>> DpsClient::look_up() {
    net::HttpRequest request;
    request.method = "POST";
    request.target = path("");
    request.headers.add("Content-Type", "application/json");
    request.headers.add("Accept", "application/json");
    request.body = json::serialize(json::object{{"registrationId", registration_.registration_id}});
    MUSTER_CO_TRY(const auto response, co_await client_->send(std::move(request)));
    if (response.status == 404)
        co_return fail(
            Errc::not_found, "{}",
            refusal(fmt::format("DPS has no registration of \"{}\"", registration_.registration_id), response)
                .message());
    if (response.status != 200) co_return fail(turned_away(response));
    co_return read_registration(response.body, registration_.registration_id);
}

Task<Result<Assignment>> DpsClient::run() {
    MUSTER_CO_TRY(auto response, co_await send_register());
    note_wish(response);
    if (response.status != 202 && response.status != 200) co_return fail(turned_away(response));
    auto reading = read_operation(response.body, registration_.registration_id);
    if (reading.assignment) co_return std::move(*reading.assignment);  // some services answer at once
    const auto body = parse_json_object(response.body);
    auto operation_id = body ? string_or(*body, "operationId") : std::string();
    if (!operation_id.empty()) co_return co_await poll(std::move(operation_id));
    if (reading.refusal) co_return fail(std::move(*reading.refusal));
    co_return fail(Errc::conflict, "DPS gave an answer that cannot be used: no operationId");
}

}  // namespace muster::edge::identityd
