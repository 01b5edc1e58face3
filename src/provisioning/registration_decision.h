// What Registrations keeps to itself, for its own files.
#pragma once

#include "authority/authority.h"
#include "provisioning/registration.h"

namespace muster::provisioning {

// How long after its expiry a token is taken: clocks differ.
inline constexpr auto register_patience = std::chrono::seconds(60);

// The enrollment that speaks for a device, and its rules.
struct Registrations::Decision {
    store::EnrollmentRecord enrollment;
    EnrollmentRules rules;
    std::optional<GroupMatch> group;         // nothing for an individual enrollment
    std::optional<store::TpmKeyRecord> tpm;  // the TPM that proved itself, of an enrollment that attests by TPM

    // What its TPM is to be given; empty for other devices.
    std::string wrapped_tpm_key() const { return tpm ? tpm->wrapped_key : std::string(); }

    // What the hub is to know a device with a symmetric key by.
    const std::string& primary_key() const { return group ? group->primary_key : enrollment.primary_key; }
    const std::string& secondary_key() const { return group ? group->secondary_key : enrollment.secondary_key; }
};

// A register request.
struct Registrations::Asked {
    const DeviceRequest& request;
    const json::object& body;
    const authority::CertificateRequest* csr = nullptr;  // that the body holds
    const authority::Signed* certificate = nullptr;      // made for it; nobody's until this is settled
    const pki::CertificateChain* path = nullptr;         // that its chain was judged by
};

// What its transaction came to.
struct Registrations::Settlement {
    store::RegistrationRecord record;
    Wakes wakes;
    std::string left_behind;  // Assigner::left_behind
};

}  // namespace muster::provisioning
