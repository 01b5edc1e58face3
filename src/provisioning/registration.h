// Registration: the product. A device shows a credential; what comes out is a record, a hub identity and an operation
// id.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "authority/authority.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "base/task.h"
#include "metrics/metrics.h"
#include "provisioning/assigner.h"
#include "provisioning/attestation.h"
#include "provisioning/attestation_tpm.h"
#include "provisioning/groups.h"
#include "provisioning/linked_hubs.h"
#include "provisioning/trust_bundles.h"
#include "store/store.h"

namespace muster::provisioning {

class Checks;

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

    // The hubs that devices are sent to, and who is to be told of a queue that got something to do. Without it the own
    // hub is the only one. Before the first registration.
    void use_hubs(LinkedHubs& hubs, std::function<void(const std::string&)> wake);

    // The authority that issues what devices ask for in their registrations. Before the first registration.
    void use_authority(authority::Authority& authority) { authority_ = &authority; }

    // The answer to a register request: {operationId, status, registrationState}. The registration is durable by then.
    // Errors: 401002 with what is wrong with the credential; 400004 for the body; 404201 for a foreign scope.
    Task<Result<json::object>> register_device(DeviceRequest request, json::object body);
    // TPM attestation's first step: the blob that the device's TPM is to take a key out of. Its signature with that key
    // is the authorization of the registration, and of the status queries. Errors: 401002 for a device that no
    // enrollment knows by this endorsement key; 404201 for a foreign scope.
    Task<Result<Bytes>> challenge_tpm(DeviceRequest request, TpmKeys keys);
    // The answer to a status query: {operationId, status, registrationState}.
    Task<Result<json::object>> operation_status(DeviceRequest request, std::string operation_id);
    // The device's own record: DeviceRegistrationResult, or 404201.
    Task<Result<json::object>> lookup(DeviceRequest request);
    // What registering would come to, check by check, judged by the same code and without doing it: for operators, who
    // may see more than a device. {registrationId, outcome, checks: [{check, outcome, detail, hint}], enrollment, ...}.
    Task<Result<json::object>> explain(DeviceRequest request);
    // The same for a device with a TPM, by its endorsement key (TPM2B_PUBLIC in base64).
    Task<Result<json::object>> explain_tpm(DeviceRequest request, std::string endorsement_key);

private:
    struct Decision;
    struct Asked;
    struct Settlement;
    struct Seen;
    struct Own;

    Result<> check_address(const DeviceRequest& request) const;
    Result<> check_request(const DeviceRequest& request) const;
    Verdict judge(const DeviceRequest& request, std::chrono::seconds patience);
    // Nothing when the groups have changed since the verdict.
    Result<std::optional<Decision>> decide(store::Tx& tx, const DeviceRequest& request, const Verdict& verdict) const;
    // The TPM that made the verdict's token, when the enrollment attests by TPM.
    Result<std::optional<store::TpmKeyRecord>> tpm_of(store::Tx& tx, const Verdict& verdict,
                                                      const store::EnrollmentRecord& enrollment,
                                                      const EnrollmentRules& rules) const;
    // The enrollment that takes the device, or why none does.
    Result<Decision> admit(store::Tx& tx, const DeviceRequest& request, const Verdict& verdict) const;
    // The certificate that is asked for, signed, for a device that may have it; nothing when none is asked for, for a
    // disabled device, or when the group changes: the settlement looks again.
    Task<Result<std::optional<authority::Signed>>> sign_requested(const Asked& asked, const Verdict& verdict);
    Task<Result<std::optional<Settlement>>> settle_admitted(const Asked& asked, const Verdict& verdict);
    // The same, while groups and hubs are changed by others.
    Task<Result<Settlement>> judge_and_settle(const DeviceRequest& request, const json::object& body,
                                              const authority::CertificateRequest* csr, std::string& binding);
    // Whether what a refused device was judged by is behind what other musterds have written: judge again.
    Task<Result<bool>> is_outdated(const Error& refusal, std::int64_t groups_version, std::int64_t hubs_version);
    // What a device may read of itself; with `patience`, when its credential still counts.
    Task<Result<Own>> find_own(const DeviceRequest& request, std::optional<std::chrono::seconds> patience);
    Result<Own> read_own(store::Tx& tx, const DeviceRequest& request, const Verdict* verdict) const;
    Result<json::object> own_result(const Own& own);
    static bool is_made_for(const Asked& asked, const Decision& decision);
    Result<std::optional<Settlement>> settle(store::Tx& tx, const Asked& asked, const Verdict& verdict);
    Result<> check_hubs_are_newest(store::Tx& tx, std::int64_t known) const;
    static Result<Wakes> assign(Assigner& assigner, const Decision& decision, const Asked& asked,
                                store::RegistrationRecord& record, const store::RegistrationRecord* before);
    static Result<AssignmentOrder> order_for(const Assigner& assigner, const Decision& decision, const Asked& asked,
                                             const store::RegistrationRecord& record,
                                             const store::RegistrationRecord* before);
    static Result<std::vector<std::string>> replace_waiting(store::Tx& tx, const store::RegistrationRecord& before);
    // Where a registration would send the device now, in a sentence; why it would not.
    Result<std::string> destination(const Decision& decision, const DeviceRequest& request,
                                    const store::RegistrationRecord* before) const;
    // What is said of the enrollment that decides, in a test.
    void explain_decision(const Decision& decision, const DeviceRequest& request,
                          const store::RegistrationRecord* before, Checks& checks, json::object& out) const;
    static WebhookOrder webhook_order(const Decision& decision, const Asked& asked, const AssignmentOrder& order,
                                      std::vector<std::string> hubs);
    std::shared_ptr<const HubList> hubs() const;

    store::Store& store_;
    Groups& groups_;
    const Clock& clock_;
    Random& random_;
    metrics::Metrics& metrics_;
    ServiceIdentity identity_;
    TpmChallenges challenges_{identity_.scope, identity_.operation_key.bytes()};
    pki::VerifiedSignatures verified_;
    authority::Authority* authority_ = nullptr;
    LinkedHubs* hubs_ = nullptr;
    TrustBundleAnswers bundles_;
    std::function<void(const std::string&)> wake_ = [](const std::string&) {};
    const std::shared_ptr<const HubList> own_hub_alone_ =
        std::make_shared<const HubList>(std::vector{LinkedHub{.name = identity_.hub}}, AllocationPolicy::hashed);
};

}  // namespace muster::provisioning
