// The records of the store, as the services see them. Keys that are compared without case are stored in lower case
// beside the text as it was given.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"

namespace muster::store {

// An individual enrollment or an enrollment group. `body` is the service API's JSON object without what the server adds
// (etag, times, registration state) and without secrets: certificates stand as DER, keys in `symmetric_keys`.
struct EnrollmentRecord {
    std::string id;  // registrationId or enrollmentGroupId, as given
    std::string etag;
    std::string body;
    Bytes primary_certificate;  // DER; empty for none
    Bytes secondary_certificate;
    std::string primary_key;  // base64; empty for none
    std::string secondary_key;
    TimePoint created{};
    TimePoint updated{};
    std::string trust_bundle;  // that its devices are given; empty for none
};

// A CA certificate that groups refer to by name.
struct CaCertificateRecord {
    std::string name;
    std::string etag;
    Bytes certificate;  // DER
    bool verified = false;
    std::string verification_code;  // asked for and not yet proven; empty for none
    TimePoint created{};
    TimePoint updated{};
};

// What the last registration of a device came to.
struct RegistrationRecord {
    std::string id;  // registrationId as the device gave it
    std::string etag;
    std::string group_id;  // empty for an individual enrollment
    std::string status;    // assigning, assigned, failed, disabled
    std::string substatus;
    std::string assigned_hub;
    std::string device_id;
    std::int64_t error_code = 0;
    std::string error_message;
    std::string payload;           // JSON returned to the device; empty for none
    std::string leaf_fingerprint;  // SHA-256, upper-case hex, of the certificate that registered
    std::string issued_serial;     // of the certificate that it was given on its request; empty for none
    TimePoint created{};
    TimePoint updated{};
};

// A device (module_id empty) or a module of the hub's identity registry, with its twin.
struct IdentityRecord {
    std::string device_id;  // compared with case
    std::string module_id;
    std::string generation_id;
    std::string etag;
    std::string status = "enabled";
    std::string status_reason;
    TimePoint status_updated{};
    std::string authentication = "none";  // sas, selfSigned, certificateAuthority, none
    std::string primary_key;              // base64
    std::string secondary_key;
    std::string primary_thumbprint;  // upper-case hex
    std::string secondary_thumbprint;
    bool edge = false;
    std::string device_scope;
    std::string parent_scopes;  // JSON array; empty for none
    std::string managed_by;
    TimePoint created{};

    // The twin. Sections are JSON objects as text; empty means {}.
    std::int64_t twin_version = 1;
    std::string twin_etag;
    std::string tags;
    std::string desired;
    std::int64_t desired_version = 1;
    TimePoint desired_updated{};
    std::string reported;
    std::int64_t reported_version = 1;
    TimePoint reported_updated{};

    bool is_module() const { return !module_id.empty(); }
};

}  // namespace muster::store
