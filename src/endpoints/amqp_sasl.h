// What a device says in the SASL layer before an AMQP session with the provisioning service (facts/dps.md 1.5, 1.7).
//
// ANONYMOUS and EXTERNAL say nothing that TLS has not said. PLAIN brings a shared access signature, which is judged
// with each registration. TPM brings one, too, after a challenge: a key that only the device's TPM can take out.
#pragma once

#include <optional>
#include <string>

#include "endpoints/services.h"
#include "net/peer.h"
#include "wire/amqp/connection.h"

namespace muster::endpoints {

class AmqpSasl {
public:
    AmqpSasl(const Services& services, const net::Peer& peer) : services_(services), peer_(peer) {}

    // Their names, separated by blanks. EXTERNAL is for who showed a certificate.
    static std::string mechanisms(const net::Peer& peer);

    // Answers with the next challenge, or with the outcome.
    struct Answer {
        std::string challenge;  // to go on with, when there is no outcome
        std::optional<wire::amqp::SaslOutcome> outcome;
    };
    Task<Answer> begin(wire::amqp::SaslInit init);
    Task<Answer> go_on(Secret response);

    // The signature that was brought; empty without one.
    Secret take_token() { return std::move(token_); }

private:
    // A device with a TPM: what it said of it, and how much of the challenge it has got.
    struct TpmTalk {
        std::string scope;
        std::string registration_id;
        std::string endorsement_key;
        std::string challenge;
        std::size_t sent = 0;
        unsigned segments = 0;
    };

    Answer accept_plain(const Secret& response);
    Answer begin_tpm(const Secret& response);
    Task<Answer> challenge_tpm(std::string_view storage_root_key);
    Answer next_segment();
    Answer refuse(std::string_view reason) const;

    const Services& services_;
    const net::Peer& peer_;
    std::string mechanism_;
    std::string user_;  // for the log
    std::optional<TpmTalk> tpm_;
    Secret token_;
};

}  // namespace muster::endpoints
