// Revocation lists that operators give to enrollment groups, so that certificates which their own CA revoked are
// refused. Azure's service has nothing like it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/json.h"
#include "base/task.h"
#include "provisioning/crl_fetcher.h"
#include "provisioning/groups.h"
#include "store/store.h"

namespace muster::provisioning {

class GroupCrls {
public:
    GroupCrls(store::Store& store, Groups& groups, CrlFetcher& fetcher, const Clock& clock)
        : store_(store), groups_(groups), fetcher_(fetcher), clock_(clock) {}

    // What else hears that a list is to be fetched. Before the first request.
    void on_source(std::function<void()> tell) { tell_ = std::move(tell); }

    // {"crl": PEM or base64, "issuers": PEM, "mustBeCurrent": bool}: an upload. The list must be signed by a CA of the
    // group, or by the first of "issuers" when these lead up to one. It takes the place of an older list of that
    // issuer. At most 16 lists a group.
    //
    // {"url": http or https, "caCertificate": PEM, "refreshSeconds": 5 to 604800, default 3600, "issuers",
    // "mustBeCurrent"}: it is fetched from there, now and again and again (crl_refresh.h). That it can be had, and is a
    // list that the group takes, is tried before it is written. Errc::throttled while four others are fetched so.
    Task<Result<json::object>> put(std::string group_id, json::object body, store::Origin by);
    Task<Result<json::array>> list(std::string group_id);
    // By the SHA-256 thumbprint of the issuer. It is not fetched any more, either.
    Task<Result<>> remove(std::string group_id, std::string issuer, store::Origin by);

private:
    struct Given;
    Task<Result<Given>> read_body(json::object body);
    Task<Result<pki::RevocationList>> fetch(const store::CrlSource& source);

    store::Store& store_;
    Groups& groups_;
    CrlFetcher& fetcher_;
    const Clock& clock_;
    std::function<void()> tell_ = [] {};
    // Each fetch holds it: shared, since one that is under way when the service stops lives longer than this.
    std::shared_ptr<const char> turns_ = std::make_shared<const char>();
};

}  // namespace muster::provisioning
