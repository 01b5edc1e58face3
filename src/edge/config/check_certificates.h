// What must be true of certificates and keys that a configuration names. Internal to this room.
#pragma once

#include <optional>
#include <string>

#include "edge/config/check.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace muster::edge {

// Notes findings about one key of the file.
class Notes {
public:
    Notes(Findings& findings, std::string source) : findings_(findings), source_(std::move(source)) {}
    void problem(const std::string& key, std::size_t line, std::string message, std::string hint = {}) {
        findings_.problems.push_back({source_, line, key, std::move(message), std::move(hint)});
    }
    void warning(const std::string& key, std::size_t line, std::string message, std::string hint = {}) {
        findings_.warnings.push_back({source_, line, key, std::move(message), std::move(hint)});
    }
    void problem(const GivenFile& file, std::string message, std::string hint = {}) {
        problem(file.key, file.line, std::move(message), std::move(hint));
    }
    void warning(const GivenFile& file, std::string message, std::string hint = {}) {
        warning(file.key, file.line, std::move(message), std::move(hint));
    }
    const std::string& source() const { return source_; }

private:
    Findings& findings_;
    std::string source_;
};

// The files parsed; nothing, and a problem noted, when they are not what they should be.
std::optional<pki::CertificateChain> read_certificates(const GivenFile& file, Notes& notes);
std::optional<pki::PrivateKey> read_private_key(const GivenFile& file, Notes& notes);

// Problems for what is over or not yet begun, a warning for what ends within seven days.
void check_dates(const pki::CertificateChain& chain, const GivenFile& file, TimePoint now, Notes& notes);
// Leaf first, each signed by the next.
void check_chain_order(const pki::CertificateChain& chain, const GivenFile& file, Notes& notes);
void check_pair(const pki::CertificateChain& chain, const GivenFile& certificate, const pki::PrivateKey& key,
                const GivenFile& key_file, Notes& notes);
// The device's certificate is for TLS clients.
void check_client(const pki::Certificate& leaf, const GivenFile& file, Notes& notes);
// As DPS wants it: no authority, its common name the registration id.
void check_identity(const pki::Certificate& leaf, const GivenFile& file, const std::optional<Given>& registration_id,
                    Notes& notes);

}  // namespace muster::edge
