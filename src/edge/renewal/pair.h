// A certificate and its key, which are kept by two daemons and must change together.
//
// There is no step that changes both, and none is needed, since a pair says of itself whether it is one: the
// certificate names its key. The new pair is made beside the old one, under ids of its own ("<id>-temp"). Putting the
// new certificate in the place of the old one is the moment of decision: before it, the old pair is whole; after it,
// the certificate in place fits the new key, and whoever finds that moves the key after it. So whatever instant the
// power goes, there is one whole pair, and everyone finds the same one.
#pragma once

#include <optional>
#include <string>

#include "base/task.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace muster::edge::renewal {

// Where both are kept. Every change is durable when its task ends, and happens whole or not at all.
class PairStore {
public:
    virtual ~PairStore() = default;

    // Nothing when there is none of that id; an error when that cannot be told.
    virtual Task<Result<std::optional<pki::CertificateChain>>> certificate(std::string id) = 0;
    virtual Task<Result<std::optional<pki::PublicKey>>> key(std::string id) = 0;
    virtual Task<Result<>> put_certificate(std::string id, pki::CertificateChain chain) = 0;
    virtual Task<Result<>> remove_certificate(std::string id) = 0;
    virtual Task<Result<>> move_key(std::string from, std::string to) = 0;
};

struct PairIds {
    std::string certificate;
    std::string key;

    // Where the next pair is made.
    std::string next_certificate() const { return certificate + "-temp"; }
    std::string next_key() const { return key + "-temp"; }

    bool operator==(const PairIds&) const = default;
};

// Whether the leaf is of that key.
bool fits(const pki::CertificateChain& chain, const std::optional<pki::PublicKey>& key);

// The certificate in place, with its key in place; brings a change that was interrupted to its end first. Nothing when
// there is no certificate, or none whose key is there.
Task<Result<std::optional<pki::CertificateChain>>> settle(PairStore& store, PairIds ids);

// A certificate, with the id of its key.
struct Successor {
    pki::CertificateChain chain;
    std::string key;
};
// The next pair, when an earlier renewal has got so far: its certificate is there and fits the next key, or the one in
// place (a renewal without a new key).
Task<Result<std::optional<Successor>>> find_successor(PairStore& store, PairIds ids);
// Puts the next pair in the place of the one before.
Task<Result<>> adopt(PairStore& store, PairIds ids, Successor successor);

}  // namespace muster::edge::renewal
