// A certificate request inside a registration (api-version 2025-07-01-preview; facts/dps.md 3.9): the device asks for
// its operational certificate, and the service's own authority issues it when the enrollment names a policy to do so.
#pragma once

#include <optional>

#include "authority/authority.h"
#include "provisioning/attestation.h"

namespace muster::provisioning {

// Whether devices of this api-version know certificate requests and issued chains.
bool knows_certificate_requests(std::string_view api_version);

// The request in the body; nothing without one. Errors: 400004 when the api-version is too old for it, when its common
// name is not the registration id, or for what is wrong with it.
Result<std::optional<authority::CertificateRequest>> certificate_request_of(const DeviceRequest& request,
                                                                            const json::object& body);

// That devices of the enrollment get certificates: "credentialPolicyName" is the policy's name, or
// "clientCertificateIssuancePolicy.certificateAuthorityName". 400004 says what to set.
Result<> check_issuing_policy(const store::EnrollmentRecord& enrollment);

// The chain that was issued with a registration, leaf first, root last, each in base64; empty when none was, or when it
// is no longer known.
Result<json::array> issued_chain(store::Tx& tx, const store::RegistrationRecord& record);

}  // namespace muster::provisioning
