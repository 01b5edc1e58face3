// The options of `enrollment create|update` and `enrollment-group create|update`, and what they mean as JSON of the
// provisioning service (facts: DPS 2.3 and 2.7; the names are those of `az iot dps enrollment`).
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace CLI {
class App;
}

namespace muster::cli {

enum class EnrollmentKind { individual, group };
enum class EnrollmentVerb { create, update };

// Empty means not given.
struct EnrollmentOptions {
    std::string id;
    std::string attestation_type;  // "x509", "symmetricKey", "tpm"; creations
    std::string certificate_path;
    std::string secondary_certificate_path;
    bool remove_certificate = false;
    bool remove_secondary_certificate = false;
    std::string ca_name;             // groups
    std::string secondary_ca_name;   // groups
    std::string primary_key;         // "@FILE"
    std::string secondary_key;       // "@FILE"
    std::string endorsement_key;     // individual; base64 or "@FILE"
    std::string device_id;           // individual
    std::string device_information;  // individual
    std::string edge_enabled;        // "true", "false"
    std::vector<std::string> tags;   // JSON objects, @files of them, and key=value
    std::string desired;             // a JSON object or an @file of one
    std::string provisioning_status;
    std::string reprovision_policy;
    std::string allocation_policy;
    std::vector<std::string> iot_hubs;
    std::string webhook_url;
    std::string webhook_api_version;
    std::string credential_policy;  // "default", "none"
    std::string trust_bundle;       // the id of one; "none"
    std::string edge_ca;            // groups; "true", "false"
    std::string etag;

    // Whether anything besides the id and the etag was given.
    bool changes_something() const;
    // Why what is given of the attestation does not go together; empty when it does.
    std::string attestation_fault(EnrollmentKind kind, EnrollmentVerb verb) const;
    // The same of the allocation; of a creation, as an update has what is there besides.
    std::string allocation_fault() const;
};

void add_enrollment_options(CLI::App& verb, EnrollmentKind kind, EnrollmentVerb change, EnrollmentOptions& options);

// Writes what was given into `body`: an empty object for a creation, the service's answer for an update. What was not
// given stays as it is. Reads the certificate files.
Result<> apply_options(const EnrollmentOptions& options, EnrollmentKind kind, json::object& body);

// {"a":{"b":"c"}} of "a.b=c" or of JSON text or of the file behind an "@", laid over `object`.
Result<> merge_tags(const std::string& argument, json::object& object);
// The certificate that a file's first PEM block (or its DER) is, as PEM. Says so when the file holds a private key, or,
// for a group, a certificate that cannot sign others.
Result<std::string> read_certificate(const std::string& path, EnrollmentKind kind);

}  // namespace muster::cli
