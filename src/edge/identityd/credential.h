// What this device shows to DPS and the hub: its certificate chain from certd, with a key that stays in keyd.
#pragma once

#include <memory>
#include <string>

#include "base/task.h"
#include "edge/certd/client.h"
#include "edge/identityd/settings.h"
#include "edge/keyd/client.h"
#include "net/http_client.h"

namespace muster::edge::identityd {

// The other daemons, as identityd sees them.
struct Neighbours {
    keyd::Client keys;
    certd::Client certificates;
};

struct Credential {
    std::string registration_id;  // from the settings, else the leaf's CN
    std::shared_ptr<const net::ClientTls> tls;
};

// Blocks its loop for keyd's answers: run it on the cloud loop. Errors name the id and what mends it: certd or keyd out
// of reach, no such certificate, a key of another certificate, an unreadable global_endpoint_ca. An expired certificate
// is used all the same, with a warning: the clock of a board may be wrong.
Task<Result<Credential>> load_credential(Neighbours neighbours, DpsSettings settings);

// A client of https://host[:port] with that credential, through the proxy of HTTPS_PROXY or https_proxy unless NO_PROXY
// or no_proxy names the host.
Result<std::shared_ptr<net::HttpClient>> cloud_client(const std::string& url, const Credential& credential,
                                                      std::chrono::seconds timeout);

// The proxy for a host, from the environment; nothing for a direct connection.
std::optional<std::string> proxy_for(std::string_view host);

}  // namespace muster::edge::identityd
