// Registration: the product. A device shows a chain; what comes out is a record, a hub identity and an operation id.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "pki/path.h"
#include "provisioning/anchors.h"
#include "provisioning/attestation.h"
#include "store/store.h"

namespace muster::provisioning {

// What a device's request carries, from whichever protocol.
struct DeviceRequest {
    std::string scope;
    std::string registration_id;
    pki::CertificateChain chain;     // as presented in TLS; possession of the leaf's key proven
    bool has_authorization = false;  // a SAS token came
    std::string tracking_id;         // ties log, error and record together
    std::string peer;
};

struct ServiceIdentity {
    std::string scope;
    std::string hub;       // host name
    Secret operation_key;  // 32 random bytes, kept with the service
};

class Registrations {
public:
    Registrations(store::Store& store, Anchors& anchors, const Clock& clock, Random& random, ServiceIdentity identity)
        : store_(store), anchors_(anchors), clock_(clock), random_(random), identity_(std::move(identity)) {}

    // The answer to a register request: {operationId, status, registrationState}. The registration is durable by then.
    // Errors: 401002 with what is wrong with the chain; 400004 for the body; 404201 for a foreign scope.
    Task<Result<json::object>> register_device(DeviceRequest request, json::object body);
    // The answer to a status query: {operationId, status, registrationState}.
    Task<Result<json::object>> operation_status(DeviceRequest request, std::string operation_id);
    // The device's own record: DeviceRegistrationResult, or 404201.
    Task<Result<json::object>> lookup(DeviceRequest request);

private:
    struct Decision;

    Result<> check_request(const DeviceRequest& request) const;
    ChainVerdict judge(const DeviceRequest& request);
    // Nothing when the groups have changed since the verdict.
    Result<std::optional<Decision>> decide(store::Tx& tx, const DeviceRequest& request,
                                           const ChainVerdict& verdict) const;
    Result<std::optional<store::RegistrationRecord>> settle(store::Tx& tx, const DeviceRequest& request,
                                                            const ChainVerdict& verdict);
    Result<> assign(store::Tx& tx, const Decision& decision, store::RegistrationRecord& record,
                    const store::RegistrationRecord* before);

    store::Store& store_;
    Anchors& anchors_;
    const Clock& clock_;
    Random& random_;
    ServiceIdentity identity_;
    pki::VerifiedSignatures verified_;
};

}  // namespace muster::provisioning
