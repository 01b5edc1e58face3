// Revocation lists of enrollment groups, and those of them that are fetched.
#pragma once

#include "links/crl_http.h"
#include "provisioning/crl_refresh.h"
#include "provisioning/group_crls.h"

namespace muster::musterd {

struct CrlParts {
    CrlParts(store::Store& store, provisioning::Groups& groups, const Clock& clock, Random& random,
             const boost::asio::any_io_executor& executor)
        : fetcher(executor),
          lists(store, groups, fetcher, clock),
          refresh(store, groups, fetcher, clock, random, executor) {
        lists.on_source([this] { refresh.wake(); });
    }

    links::CrlHttp fetcher;
    provisioning::GroupCrls lists;
    provisioning::CrlRefresh refresh;
};

}  // namespace muster::musterd
