// An issuing CA and its key: made, requested, installed, found among the authority's keys. Everything here blocks: it
// belongs on the worker.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "authority/keys.h"
#include "base/clock.h"
#include "base/random.h"
#include "pki/issue.h"
#include "store/authority_records.h"

namespace muster::authority {

struct IssuingCa {
    std::string fingerprint;      // SHA-256 of its certificate, upper-case hex
    pki::CertificateChain chain;  // its certificate first, its root last
    std::shared_ptr<const pki::PrivateKey> key;

    const pki::Certificate& certificate() const { return chain.front(); }
    // What its revocation list is called: the first 16 digits of the fingerprint, in lower case.
    std::string id() const;
};

struct NewAuthority {
    std::string name;  // common names are "{name} root CA" and "{name} issuing CA"
    pki::KeySpec key;
    std::chrono::days root_life{7300};
    std::chrono::days issuing_life{1825};
    bool new_root = false;  // also where there is a root already
};

// One piece of work: what it changes of the keys counts once they are saved.
class IssuingCas {
public:
    IssuingCas(Keys& keys, const Clock& clock, Random& random) : keys_(keys), clock_(clock), random_(random) {}

    // A root and an issuing CA below it. The root whose key is here is used again, unless a new one is wanted: `chains`
    // are those known so far, the one in force first. Errc::conflict when there are chains and the key of none of their
    // roots is here: nobody trusts a new root.
    Result<IssuingCa> create(const NewAuthority& wanted, const std::vector<pki::CertificateChain>& chains) const;
    // A new key, kept until its certificate is installed, and the request to have that certificate by (PEM). Keys of
    // earlier requests stay: their certificates may be on their way. Errc::conflict when 16 of them do already.
    Result<std::string> request(const std::string& common_name, const pki::KeySpec& key) const;
    // A chain signed elsewhere: issuing CA first, up to its root. Without `key_pem`, the key of the request that it
    // answers, or the one that is here for that CA already. What is wrong with the chain or the key is
    // Errc::invalid_argument.
    Result<IssuingCa> install(std::string_view chain_pem, std::string_view key_pem) const;
    // One that the store knows.
    Result<IssuingCa> load(const store::IssuingAuthorityRecord& record) const;
    // Whether the key of that root is here.
    bool root_is_here(const pki::Certificate& root) const;
    // Requests whose certificates are still to come.
    std::size_t open_requests() const { return requested().size(); }

private:
    Result<pki::PrivateKey> read(std::string_view name) const;
    Result<> write(std::string_view name, const pki::PrivateKey& key) const;
    std::vector<std::string> requested() const;
    Result<pki::PrivateKey> find_key(const pki::Certificate& certificate) const;
    Result<IssuingCa> make_root(const NewAuthority& wanted) const;
    Result<> set_root_aside() const;
    Result<> put_root_back(const pki::Certificate& root) const;
    Result<IssuingCa> find_root(const std::vector<pki::CertificateChain>& chains) const;

    Keys& keys_;
    const Clock& clock_;
    Random& random_;
};

}  // namespace muster::authority
