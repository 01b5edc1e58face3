// Certificates from EST servers (facts/device.md 5.2), and the certificates that certd itself signs in with there.
//
// A request for a certificate that is there already, with the same subject, is a renewal: it is sent to simplereenroll,
// signed in with the certificate that it follows. Where the server will not have that, and for everything else, it goes
// to simpleenroll with what the settings say: a name and password, the EST certificate, or, while there is none (or it
// has ended), the bootstrap certificate, which is used once, to get the EST certificate. Where the server has no use
// for that (a password that was good for once), the device's own certificate signs in for others, if that server issued
// it.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include <map>

#include "edge/certd/current.h"
#include "edge/certd/est_client.h"
#include "edge/certd/key_threads.h"
#include "edge/certd/pairs.h"
#include "edge/renewal/renew.h"
#include "edge/service/admission.h"

namespace muster::edge::certd {

// A turn that was taken, given back when it goes.
struct Turn {
    Admission& of;
    ~Turn() { of.leave(0); }
};

// For use from one loop, which it blocks for keyd's answers. `clock` outlives it.
class EstIssuer {
public:
    EstIssuer(keyd::Client keys, KeyThreads& threads, const Clock& clock, EstClient::Pace pace = {});

    // The chain, leaf first; not stored. Errors name the certificate, the server and the step. Errc::throttled: the
    // server has not decided yet, and is not asked again before it wants to be. Who asks for what is being issued, with
    // the same key, shares the answer: passwords may be good for once.
    Task<Result<pki::CertificateChain>> issue(CurrentPtr now, std::string id, pki::Csr request);

    // The kinds of key that the server asks for in requests (csrattrs), as a preference list for keyd; empty when it
    // does not say, or cannot be asked without signing in.
    Task<std::string> preferred_key(CurrentPtr now, std::string id);

    // How an EST certificate renews itself: by simplereenroll, or by bootstrap; it has worked when the server takes it
    // in a handshake.
    renewal::Ways ways_to_renew(const CurrentSource& current, const renewal::PairIds& ids);
    // What the server asked for when the certificate's last enrolment failed; forgotten by asking.
    std::optional<std::chrono::seconds> take_wish(const std::string& id);

    // Called when there is a certificate that was not there before.
    void on_new_identity(std::function<void()> call) { on_new_identity_ = std::move(call); }

private:
    // A server with the credential to use there.
    struct Access {
        std::string what;  // "the EST certificate \"est-id\"", for the log
        EstClient::Operation operation;
        EstCredential credential;
        std::string asker = {};  // id of the certificate for whose sake the server is asked
    };
    using Chain = pki::CertificateChain;

    struct Flight;
    struct Landing;
    Task<Result<Chain>> issue_first(CurrentPtr now, std::string id, const pki::Csr& request);
    Task<Result<Chain>> issue_unhurried(CurrentPtr now, std::string id, const pki::Csr& request);
    Task<Result<Chain>> enroll(CurrentPtr now, std::string url, Access access, const pki::Csr& request);
    static Task<Result<Chain>> enroll_with(EstClient& client, const Access& access, const pki::Csr& request);
    Task<Result<Chain>> issue_as_configured(CurrentPtr now, EstTarget target, std::string id, const pki::Csr& request);
    Task<std::optional<EstCredential>> device_identity(CurrentPtr now, std::string url, std::string id);
    Task<std::optional<EstCredential>> predecessor(CurrentPtr now, std::string id, const pki::Csr& request);
    Task<Result<Access>> configured(CurrentPtr now, EstTarget target, std::string asker, const pki::Csr& request);
    Task<Result<EstCredential>> identity(CurrentPtr now, EstTarget target, std::string asker, const pki::Csr& request);
    Task<Result<Chain>> bootstrap(CurrentPtr now, EstTarget target, std::string asker, const pki::Csr& request);
    Task<Result<Chain>> renew_identity(CurrentPtr now, renewal::PairIds ids, std::string certificate, std::string key,
                                       Chain old);
    Task<Result<Chain>> enroll_again(CurrentPtr now, renewal::PairIds ids, const pki::Csr& request);
    Task<Result<>> prove_identity(CurrentPtr now, renewal::PairIds ids, Chain chain, std::string key);
    Task<Result<EstCredential>> credential_of(CurrentPtr now, renewal::PairIds ids, std::string_view what);
    Result<std::unique_ptr<EstClient>> client_for(const Current& now, const std::string& url,
                                                  EstCredential credential) const;

    keyd::Client keys_;
    KeyThreads& threads_;
    const Clock& clock_;
    EstClient::Pace pace_;
    Admission one_bootstrap_;  // at a time
    // By certificate id:
    std::map<std::string, std::chrono::steady_clock::time_point> asked_to_wait_;
    std::map<std::string, std::shared_ptr<Flight>> flights_;
    std::map<std::string, std::chrono::seconds> wishes_;
    std::function<void()> on_new_identity_;
};

}  // namespace muster::edge::certd
