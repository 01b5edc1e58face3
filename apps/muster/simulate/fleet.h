// The simulated devices: their names, keys and certificates.
#pragma once

#include <openssl/types.h>

#include <optional>
#include <string>

#include "base/error.h"
#include "base/random.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace muster::cli::simulate {

struct DeviceIdentity {
    std::string name;  // registration id and common name
    pki::CertificateChain chain;
    pki::EvpKey key;
};

// Where the identities come from.
class Fleet {
public:
    struct Files {
        std::string chain;  // PEM: the issuing certificate first, then what is above it
        std::string key;    // PEM
    };
    // Makes each device a P-256 key and a certificate of this authority, in memory.
    static Result<Fleet> issued_by(const Files& authority, std::string prefix);
    // Takes what `muster cert device` wrote below `folder`.
    static Fleet read_from(std::string folder, std::string prefix);

    // From now on the numbers in the names are scattered over nine digits, each still met once: keys in no order, as
    // the serial numbers of a real fleet are.
    void scatter() { scattered_ = true; }

    // The device `number`, counted from 1: its name is the prefix and the number.
    Result<DeviceIdentity> device(std::size_t number);

private:
    Result<DeviceIdentity> issue(const std::string& name);
    Result<DeviceIdentity> read(const std::string& name) const;

    std::string prefix_;
    std::string folder_;
    bool scattered_ = false;
    pki::CertificateChain authority_;
    std::optional<pki::PrivateKey> authority_key_;
    SystemRandom random_;
};

}  // namespace muster::cli::simulate
