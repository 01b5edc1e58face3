// Registration: the product. A device shows a credential; what comes out is a record, a hub identity and an operation
// id.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "metrics/metrics.h"
#include "provisioning/attestation.h"
#include "provisioning/groups.h"
#include "store/store.h"

namespace muster::provisioning {

struct ServiceIdentity {
    std::string scope;
    std::string hub;       // host name
    Secret operation_key;  // 32 random bytes, kept with the service
};

class Registrations {
public:
    Registrations(store::Store& store, Groups& groups, const Clock& clock, Random& random, metrics::Metrics& metrics,
                  ServiceIdentity identity)
        : store_(store),
          groups_(groups),
          clock_(clock),
          random_(random),
          metrics_(metrics),
          identity_(std::move(identity)) {}

    // The answer to a register request: {operationId, status, registrationState}. The registration is durable by then.
    // Errors: 401002 with what is wrong with the credential; 400004 for the body; 404201 for a foreign scope.
    Task<Result<json::object>> register_device(DeviceRequest request, json::object body);
    // The answer to a status query: {operationId, status, registrationState}.
    Task<Result<json::object>> operation_status(DeviceRequest request, std::string operation_id);
    // The device's own record: DeviceRegistrationResult, or 404201.
    Task<Result<json::object>> lookup(DeviceRequest request);

private:
    struct Decision;

    Result<> check_request(const DeviceRequest& request) const;
    Verdict judge(const DeviceRequest& request, std::chrono::seconds patience);
    // Nothing when the groups have changed since the verdict.
    Result<std::optional<Decision>> decide(store::Tx& tx, const DeviceRequest& request, const Verdict& verdict) const;
    // That an enrollment takes the device, or why not.
    Result<> admit(store::Tx& tx, const DeviceRequest& request, const Verdict& verdict) const;
    Task<Result<std::optional<store::RegistrationRecord>>> settle_admitted(const DeviceRequest& request,
                                                                           const Verdict& verdict);
    Result<std::optional<store::RegistrationRecord>> settle(store::Tx& tx, const DeviceRequest& request,
                                                            const Verdict& verdict);
    Result<> assign(store::Tx& tx, const Decision& decision, store::RegistrationRecord& record,
                    const store::RegistrationRecord* before);

    store::Store& store_;
    Groups& groups_;
    const Clock& clock_;
    Random& random_;
    metrics::Metrics& metrics_;
    ServiceIdentity identity_;
    pki::VerifiedSignatures verified_;
};

}  // namespace muster::provisioning
