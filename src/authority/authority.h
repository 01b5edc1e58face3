// The service's own certificate authority: which CA issues, and what it signs.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "authority/certificate_request.h"
#include "authority/issuing_ca.h"
#include "authority/policy.h"
#include "authority/worker.h"
#include "base/json.h"
#include "base/lookout.h"
#include "store/store.h"

namespace muster::authority {

// The origin, in its record, of a certificate that is an edge CA: it signs for the modules of its device and is no
// credential of the device's.
inline constexpr std::string_view edge_ca_origin = "edge-ca";

// To whom a certificate is issued, and on what occasion.
struct Subject {
    // As the caller spells it; of a device certificate the common name of the request, but for case.
    std::string registration_id;
    std::string group_id;  // empty for an individual enrollment
    std::string origin;    // est, registration; edge_ca_origin for an edge CA
    std::string by;        // what proved it, for the log and the journal: "one-time password"
    std::string peer;
    std::string tracking_id;
};

// A certificate that is signed and nobody's yet: it counts once its record is durable, and leaves this process only
// then.
struct Signed {
    pki::Certificate certificate;
    pki::CertificateChain issuers;  // issuing CA first, root last
    store::IssuedCertificateRecord record;
    Subject subject;
};

// Once its record is durable.
void log_issued(const Signed& made);

class Authority {
public:
    // Keys are in files of `directory`, or in the store where several musterds share it.
    Authority(store::Store& store, const Clock& clock, Random& random, std::filesystem::path directory, Policy policy)
        : store_(store), clock_(clock), random_(random), directory_(std::move(directory)), policy_(std::move(policy)) {}

    // Blocking, for start-up. That the key of the CA that issues is missing or foreign is an error; of a former one, it
    // is in the log, and there is no revocation list of it any more.
    Result<> load();
    // After another musterd has made or installed an issuing CA: the same, and what is in force stays when it fails.
    Task<Result<>> refresh();
    // What another musterd was answered of that is in force here from then on (base/lookout.h).
    Task<Result<>> make_sure();
    // What else must know of another issuing CA before that is answered: the groups in memory.
    void on_change(std::function<Task<Result<>>()> tell) { tell_ = std::move(tell); }

    // The CA that issues; nullptr while the authority is off. Where others make them, too, it may be behind.
    std::shared_ptr<const IssuingCa> issuing() const;
    // The same, made sure of. Errc::unsupported while the authority is off.
    Task<Result<std::shared_ptr<const IssuingCa>>> find_issuing();
    // Any whose revocation list is signed here, by IssuingCa::id; "issuing" is the one that issues.
    std::shared_ptr<const IssuingCa> find(std::string_view id) const;
    const Policy& policy() const { return policy_; }

    // {"enabled", "issuing": {...}, "chain": PEM, ...}.
    Task<Result<json::object>> status();
    // What is made or installed is in force at every musterd when this returns: with several it takes
    // Lookout::settling. Errc::conflict when there is an issuing CA and `replace` does not say that it may go; also
    // when another musterd was quicker.
    Task<Result<json::object>> create(NewAuthority wanted, bool replace, store::Origin by);
    Task<Result<json::object>> install(std::string chain_pem, Secret key_pem, store::Origin by);
    // {"csr": PEM}
    Task<Result<json::object>> request(std::string common_name, pki::KeySpec key, store::Origin by);

    // The request's own subject and key. For a device: client authentication, digitalSignature. For an edge CA:
    // CA:TRUE with path length 0; Errc::forbidden where the issuing CA may have none below it. Errc::unsupported while
    // the authority is off.
    Task<Result<Signed>> sign(const CertificateRequest& request, Subject subject);
    // Inside the transaction that the certificate belongs to; it is in the journal, too. Errc::throttled when the
    // device was given too many of late.
    Result<> record(store::Tx& tx, const Signed& made) const;

    // For the revocation list's signature.
    Worker& worker() { return worker_; }
    // Ends what is being worked on. Before whoever awaits it goes; nothing is asked for afterwards.
    void stop() { worker_.stop(); }

private:
    // What the store knows, in one snapshot: no CA without its key.
    struct Stored {
        std::vector<store::IssuingAuthorityRecord> records;
        std::unique_ptr<Keys> keys;
    };
    // A CA that was made or installed, and the keys that are to be saved with its record.
    struct Made {
        IssuingCa ca;
        std::unique_ptr<Keys> keys;
        std::string_view type;  // of the journal's entry
        // The CA that may go, by its fingerprint, empty for none; where it matters.
        std::optional<std::string> in_place_of;
    };

    Result<> check_key(const pki::PublicKey& key) const;
    Result<std::unique_ptr<Keys>> read_keys(store::Tx& tx) const;
    Task<Result<std::unique_ptr<Keys>>> open_keys();
    using Known = std::vector<std::pair<std::shared_ptr<const IssuingCa>, bool>>;  // with which of them issues
    Result<Known> with_keys(const Stored& stored) const;
    Result<std::optional<Stored>> read_newer(store::Tx& tx,
                                             const std::vector<store::IssuingAuthorityRecord>& than) const;
    Task<Result<>> look();
    bool show_all(const Known& known, const Stored& stored, std::uint64_t shown_before);
    Task<Result<json::object>> adopt(Made made, store::Origin by);
    Result<> write(store::Tx& tx, const Made& made, const store::Origin& by) const;
    json::object describe(Keys& keys) const;
    void show(std::shared_ptr<const IssuingCa> ca);
    std::vector<pki::CertificateChain> chains() const;  // the one that issues first

    store::Store& store_;
    const Clock& clock_;
    Random& random_;
    std::filesystem::path directory_;
    Policy policy_;
    std::function<Task<Result<>>()> tell_;
    mutable std::mutex mutex_;
    std::uint64_t shown_ = 0;                                        // how often what follows has changed
    std::map<std::string, std::shared_ptr<const IssuingCa>> known_;  // by id
    std::shared_ptr<const IssuingCa> issuing_;
    std::vector<store::IssuingAuthorityRecord> read_;  // what they were made of when the store was last read
    Lookout lookout_{[this] { return look(); }};
    Worker worker_;  // goes first, and with it what it does with the others
};

// What is said to whoever asks a service whose authority is off.
Error authority_is_off();

}  // namespace muster::authority
