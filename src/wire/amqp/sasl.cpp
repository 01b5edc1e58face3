#include "wire/amqp/sasl.h"

#include <proton/sasl.h>
#include <proton/sasl_plugin.h>

#include <cstdlib>
#include <utility>

namespace muster::wire::amqp {

struct SaslCallbacks {
    static SaslServer& self(pn_transport_t* transport) {
        return *static_cast<SaslServer*>(pnx_sasl_get_context(transport));
    }

    static void release(pn_transport_t*) {}
    static const char* list(pn_transport_t* transport) { return self(transport).mechanisms_.c_str(); }
    static bool init_server(pn_transport_t* transport) {
        pnx_sasl_set_desired_state(transport, SASL_POSTED_MECHANISMS);
        return true;
    }
    static void prepare_write(pn_transport_t*) {}
    static void process_init(pn_transport_t* transport, const char* mechanism, const pn_bytes_t* response) {
        self(transport).forget_earlier_name();
        self(transport).receive(true, view(mechanism), view(*response));
    }
    static void process_response(pn_transport_t* transport, const pn_bytes_t* response) {
        self(transport).receive(false, {}, view(*response));
    }

    // A server is never asked for these.
    static bool init_client(pn_transport_t*) { return false; }
    static bool process_mechanisms(pn_transport_t*, const char*) { return false; }
    static void process_challenge(pn_transport_t*, const pn_bytes_t*) {}
    static void process_outcome(pn_transport_t*, const pn_bytes_t*) {}

    // No mechanism here encrypts: that is what TLS is for.
    static bool can_encrypt(pn_transport_t*) { return false; }
    static ssize_t max_encrypt_size(pn_transport_t*) { return 0; }
    static ssize_t code(pn_transport_t*, pn_bytes_t, pn_bytes_t*) { return 0; }

    static const pnx_sasl_implementation all;
};

const pnx_sasl_implementation SaslCallbacks::all = {release,
                                                    list,
                                                    init_server,
                                                    init_client,
                                                    prepare_write,
                                                    process_init,
                                                    process_response,
                                                    process_mechanisms,
                                                    process_challenge,
                                                    process_outcome,
                                                    can_encrypt,
                                                    max_encrypt_size,
                                                    code,
                                                    code};

SaslServer::SaslServer(pn_transport_t* transport, std::string mechanisms)
    : transport_(transport), mechanisms_(std::move(mechanisms)) {
    pn_sasl(transport);
    pnx_sasl_set_implementation(transport, &SaslCallbacks::all, this);
}

// Proton keeps the name of the mechanism that was chosen, and loses the one before when a client chooses again.
void SaslServer::forget_earlier_name() {
    const auto* name = pnx_sasl_get_selected_mechanism(transport_);
    if (named_ != nullptr && named_ != name) std::free(const_cast<char*>(named_));
    named_ = name;
}

void SaslServer::receive(bool first, std::string_view mechanism, std::string_view response) {
    if (!allowed_) {
        out_of_place_ = true;
        return;
    }
    // A client speaks once and then waits for us.
    if (first == begun_ || our_turn_ || finished_) {
        finish(PN_SASL_AUTH);
        return;
    }
    begun_ = our_turn_ = true;
    step_ = Step{first, std::string(mechanism), Secret(response)};
}

std::optional<SaslServer::Step> SaslServer::take_step() {
    return std::exchange(step_, std::nullopt);
}

void SaslServer::challenge(std::string bytes) {
    if (finished_) return;
    our_turn_ = false;
    out_ = std::move(bytes);
    pnx_sasl_set_bytes_out(transport_, proton_bytes(out_));
    pnx_sasl_set_desired_state(transport_, SASL_POSTED_CHALLENGE);
}

void SaslServer::finish(int outcome) {
    if (std::exchange(finished_, true)) return;
    step_.reset();
    pnx_sasl_set_bytes_out(transport_, pn_bytes(0, nullptr));
    if (outcome == PN_SASL_OK) {
        pnx_sasl_set_succeeded(transport_, "", nullptr);
    } else {
        pn_sasl_done(pn_sasl(transport_), static_cast<pn_sasl_outcome_t>(outcome));
    }
    pnx_sasl_set_desired_state(transport_, SASL_POSTED_OUTCOME);
}

}  // namespace muster::wire::amqp
