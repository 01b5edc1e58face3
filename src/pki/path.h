// Certification path validation (RFC 5280 section 6) with partial chains: any of the given anchors may end the path,
// intermediate authorities included.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "pki/certificate.h"

namespace muster::pki {

// Why a path was refused. One reason each, so that a log line and an error can be exact.
enum class PathFault {
    none,
    no_issuer,  // no presented certificate or anchor issued this one: an intermediate is missing or the anchor foreign
    bad_signature,  // the issuer's name fits, its key does not: look-alike
    expired,
    not_yet_valid,
    not_a_ca,  // basicConstraints CA:FALSE or absent on an issuer
    key_cert_sign_missing,
    path_length_exceeded,
    wrong_key_usage,           // the leaf's keyUsage forbids digitalSignature
    wrong_extended_key_usage,  // an EKU extension without clientAuth (or anyExtendedKeyUsage)
    unknown_critical_extension,
    weak_key,        // RSA below 2048 bits, EC below 224, or a curve or algorithm we do not know
    weak_signature,  // MD5 or SHA-1 signature below the anchor
    name_constraints,
    chain_too_long,
    malformed,
};

std::string_view to_string(PathFault fault);

struct PathResult {
    PathFault fault = PathFault::none;
    // The path found, leaf first, anchor last; when refused, as far as it could be built.
    CertificateChain path;
    // The certificate that the fault is about: index into `path`.
    std::size_t at = 0;
    // One sentence with subject names and dates: "intermediate CN=Plant 3 expired on 2026-01-01T00:00:00Z".
    std::string explanation;

    bool ok() const { return fault == PathFault::none; }
};

// Remembers the certificates whose signature by a given issuer has been verified, by the hashes of both, so that the
// intermediates of a fleet are verified once; dates and constraints are checked every time. Bounded; thread-safe.
class VerifiedSignatures {
public:
    explicit VerifiedSignatures(std::size_t capacity = 4096);
    ~VerifiedSignatures();
    bool contains(const Sha256& subject, const Sha256& issuer) const;
    void insert(const Sha256& subject, const Sha256& issuer);

private:
    struct State;
    std::unique_ptr<State> state_;
};

// What the leaf must be good for: the extended key usage along the path and the leaf's digitalSignature.
enum class Purpose { tls_client, tls_server, any };

// An anchor's own dates are checked, its signature and issuer are not.
struct PathOptions {
    TimePoint now;
    std::size_t max_length = 8;              // certificates, leaf and anchor included
    VerifiedSignatures* verified = nullptr;  // may be null; only issuers' signatures on CA certificates are remembered
    Purpose purpose = Purpose::tls_client;
};

// Finds the issuer candidates of a certificate among the anchors (by subject name; several may share one).
using FindAnchors = std::function<std::vector<Certificate>(const Certificate& subject)>;

// Validates presented[0] (the leaf, a TLS client unless options say otherwise) towards the nearest anchor. The other
// presented certificates may come in any order and may hold strangers; only those that fit are used. At each step an
// anchor is preferred over a presented certificate, so the path ends at the anchor nearest to the leaf. An anchor that
// signed a certificate of the path decides there: when it has expired or may not issue, no way around it is looked for.
// A leaf that is itself among the anchors is a path of one. At most 16 certificates are taken, and the search is
// bounded whatever they are.
PathResult validate_client_path(const CertificateChain& presented, const FindAnchors& anchors,
                                const PathOptions& options);

}  // namespace muster::pki
