// Renews the certificates that are certd's to renew: EST certificates got by bootstrap, the authority that certd made,
// the edge CA.
#pragma once

#include <boost/asio/io_context.hpp>

#include <map>

#include "edge/certd/edge_ca.h"
#include "edge/certd/local_ca.h"
#include "edge/service/wall_timer.h"

namespace muster::edge::certd {

// Works on `loop`; everything given outlives it.
class Keepers {
public:
    Keepers(CurrentSource current, keyd::Client keys, EstIssuer& est, LocalCa& local_ca, EdgeCa& edge_ca,
            const Clock& clock, Random& random, boost::asio::io_context& loop);

    // Starts a keeper for each certificate of the settings that has none yet, and has the others look again. Any
    // thread.
    void look();

private:
    struct Kept;
    void look_here();
    void start(const renewal::PairIds& ids, renewal::Ways ways, bool by_est);
    std::optional<renewal::Policy> policy_of(const renewal::PairIds& ids) const;

    CurrentSource current_;
    keyd::Client keys_;
    EstIssuer& est_;
    LocalCa& local_ca_;
    EdgeCa& edge_ca_;
    const Clock& clock_;
    Random& random_;
    boost::asio::io_context& loop_;
    std::map<std::pair<std::string, std::string>, std::shared_ptr<Kept>> kept_;  // by the ids of certificate and key
};

}  // namespace muster::edge::certd
