// Registration with the Device Provisioning Service over HTTPS, api-version 2021-06-01 (facts/device.md 4.1):
// PUT register, answered 202 with an operation id, then GET of the operation until it is final.
//
// Better than the original: Retry-After is honoured, the first look comes after it (or a second), a poll that fails is
// tried again, the whole has a bound, and every final state has a sentence.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/task.h"
#include "edge/identityd/cloud.h"
#include "edge/identityd/dps_answer.h"

namespace muster::edge::identityd {

struct Registration {
    std::string scope_id;
    std::string registration_id;
    std::optional<json::value> payload;
    std::optional<tpmd::Client::Keys> tpm;  // to ask for a challenge with
    unsigned retries = 1;                   // of the first request, after a network error
    std::chrono::seconds bound{300};        // for the whole registration
};

// Where a registration's requests go, and what their tokens are for.
CloudTarget dps_target(const std::string& endpoint, const Registration& registration);

class DpsClient {
public:
    DpsClient(std::shared_ptr<CloudClient> client, Registration registration);

    // Errors: unauthorized (refused), conflict (failed, disabled, or a malformed answer), throttled, unavailable,
    // timeout. Each names status, error code and tracking id as far as there are any.
    Task<Result<Assignment>> run();
    // The challenge for the TPM that the registration shows: a key wrapped for it, base64. Errors as above.
    Task<Result<std::string>> ask_challenge();
    // What became of the registration that was made before, without making another (facts/dps.md 1.3). Errors as above,
    // and not_found: there is none.
    Task<Result<Reading>> look_up();
    // What the service asked to wait before the next registration.
    std::optional<std::chrono::seconds> wait_wish() const { return wish_; }

private:
    using Clock = std::chrono::steady_clock;

    Task<Result<net::HttpResponse>> send_register();
    Task<Result<net::HttpResponse>> send_register_once();
    Task<Result<net::HttpResponse>> look(std::string where);
    Task<Result<Assignment>> poll(std::string operation_id);
    Error too_late(std::string_view operation_id, const std::optional<Error>& trouble) const;
    std::string path(std::string_view rest) const;
    Error turned_away(const net::HttpResponse& response) const;
    void note_wish(const net::HttpResponse& response);

    std::shared_ptr<CloudClient> client_;
    Registration registration_;
    Clock::time_point deadline_;
    std::optional<std::chrono::seconds> wish_;
};

}  // namespace muster::edge::identityd
