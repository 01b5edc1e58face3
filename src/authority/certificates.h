// What the authority issued: looked up, listed, revoked; and the revocation lists that follow.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "authority/authority.h"
#include "base/lookout.h"
#include "pki/crl.h"

namespace muster::authority {

// A revocation list as it is published.
struct PublishedList {
    Bytes der;
    TimePoint this_update;
    TimePoint next_update;
    std::size_t entries = 0;
};

struct CertificateFilter {
    std::string group_id;
    std::string registration_id;
    bool revoked_only = false;
};

struct CertificatePage {
    json::array items;
    std::string continuation;  // empty on the last page
};

class Certificates {
public:
    Certificates(store::Store& store, Authority& authority, const Clock& clock)
        : store_(store), authority_(authority), clock_(clock), lookout_([this] { return look(); }) {}

    // What else ends with a certificate, in the transaction of its revocation; what that returns is done once it is
    // durable. Before the first request.
    using Afterwards = std::function<void()>;
    using OnRevocation = std::function<Result<Afterwards>(store::Tx&, const store::IssuedCertificateRecord&)>;
    void on_revocation(OnRevocation also) { also_ = std::move(also); }

    // Errc::not_found when no such certificate was issued here. `serial` is hexadecimal, with or without colons.
    Task<Result<json::object>> get(std::string serial);
    // By serial; with several members of the filter set, only what fits all.
    Task<Result<CertificatePage>> list(CertificateFilter filter, std::string continuation, std::size_t limit);
    // Durable, and in the revocation list, when it is answered. Errc::conflict when it is revoked already. With the
    // last certificate of a device that is in force its edge CAs go, too: "edgeCas" in the answer.
    Task<Result<json::object>> revoke(std::string serial, pki::RevocationReason reason, store::Origin by);

    // The list of the CA with that id (IssuingCa::id, "issuing"); Errc::not_found without such a CA. Made anew when
    // half of its life is gone; between that and its end, one caller does so while the others get the one there is. Of
    // what another musterd was answered it lacks at most the last Lookout::longest_unseen; while the database is away,
    // more: it serves until it ends.
    Task<Result<std::shared_ptr<const PublishedList>>> revocation_list(std::string id);
    // Another musterd has revoked something: every list is made anew when it is next asked for. From any thread.
    void lists_are_outdated();

private:
    using List = std::shared_ptr<const PublishedList>;
    struct Slot {
        List list;
        bool outdated = false;  // it serves on when it cannot be made anew
        bool renewing = false;
        std::uint64_t number = 0;             // of the last list; it steps when that is outdated, too
        std::shared_ptr<OneReading> readers;  // who wait for a new one share it
    };
    Result<> revoke_one(store::Tx& tx, store::IssuedCertificateRecord& record, TimePoint now, std::string_view reason,
                        const store::Origin& by, std::vector<Afterwards>& afterwards) const;
    Task<Result<>> look();
    Task<bool> looked();
    List usable(Slot& slot, bool looked) const;
    Task<Result<>> publish(std::shared_ptr<const IssuingCa> ca);
    Task<Result<List>> made_anew(std::shared_ptr<const IssuingCa> ca);
    Task<void> renew(std::shared_ptr<const IssuingCa> ca);
    std::uint64_t next_number(const std::string& id, TimePoint now);
    Task<Result<pki::CrlContent>> next_edition(std::shared_ptr<const IssuingCa> ca, TimePoint now,
                                               std::uint64_t number);

    store::Store& store_;
    Authority& authority_;
    const Clock& clock_;
    OnRevocation also_;
    std::atomic<std::int64_t> revocations_{0};  // their version (store/topic_versions.h) when it was last looked at
    std::atomic<std::chrono::steady_clock::rep> look_again_{0};  // not before, after a look that failed
    Lookout lookout_;
    std::mutex mutex_;
    std::map<std::string, Slot> slots_;  // one for each CA
};

}  // namespace muster::authority
