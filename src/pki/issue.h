// Certificates, made: keys, subjects, extension profiles, signing.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "pki/certificate.h"
#include "pki/csr.h"
#include "pki/key.h"

namespace muster::pki {

// What the certificate is for; decides basicConstraints, keyUsage and extendedKeyUsage (facts/device.md section 9, with
// the original's defects mended: SAN on servers, random serials, allowance for clock skew).
enum class Profile {
    root_ca,          // CA:TRUE; keyCertSign, cRLSign, digitalSignature
    intermediate_ca,  // the same, optional pathlen
    client,           // CA:FALSE; digitalSignature (keyEncipherment too for RSA); EKU clientAuth
    server,           // CA:FALSE; EKU serverAuth; SAN from `dns_names` and `ip_addresses`
    client_and_server,
};

struct IssueRequest {
    Profile profile = Profile::client;
    std::string common_name;  // 1 to 64 characters (RFC 5280 ub-common-name); longer is refused with that reason
    std::vector<std::pair<std::string, std::string>> subject_rest;  // further RDNs, before the CN: {"O", "Plant 3"}
    std::vector<std::string> dns_names;
    std::vector<std::string> ip_addresses;
    std::optional<int> path_length;
    std::optional<Bytes> subject_der;  // the whole subject, in place of the names above, which are then for messages
    std::string crl_url;               // where the issuer's revocation list is (cRLDistributionPoints); empty for none
    TimePoint not_before;              // the caller takes its skew allowance off (five minutes is customary)
    TimePoint not_after;               // cut to the issuer's when that is earlier
    // For tests of validation alone: raw changes to what the profile says.
    bool omit_basic_constraints = false;
    bool omit_key_usage = false;
    std::optional<std::string> key_usage;           // an OpenSSL keyUsage string in place of the profile's
    std::optional<std::string> extended_key_usage;  // an OpenSSL EKU string, "" for no extension
    std::optional<std::string> name_constraints;    // an OpenSSL nameConstraints string
    bool add_unknown_critical_extension = false;
    bool sha1_signature = false;
};

struct Issuer {
    const Certificate& certificate;
    const PrivateKey& key;
};

// Whether a CN may stand in a certificate: 1 to 64 characters; the refusal says which limit. `issue` asks too.
Result<> check_common_name(std::string_view name);

// Self-signed (`issuer` absent) or signed by `issuer`. Serial: 128 random bits, positive. SKI by RFC 5280 method 1,
// AKI.
Result<Certificate> issue(const IssueRequest& request, const PublicKey& subject_key, const Issuer* issuer,
                          const PrivateKey* self_key, Random& random);

// PKCS#12 with the key, the leaf and its chain; AES-256, SHA-256 MAC.
Result<Bytes> make_pfx(const PrivateKey& key, const CertificateChain& chain, std::string_view passphrase,
                       std::string_view friendly_name);

}  // namespace muster::pki
