// Identities local to the device (facts/device.md 4.8): a key and a certificate under the name
// "{module}.{hostname}.{domain}", for processes that speak to one another and not to the hub. Nothing of them is kept
// here: each answer is a new key with a new certificate, which certd has issued by its settings for the module's name.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/task.h"
#include "edge/certd/client.h"
#include "pki/csr.h"

namespace muster::edge::identityd {

// What a certificate is to be good for: a client always, since EST servers ask for it; a server, too, when asked.
struct LocalOptions {
    bool server = false;

    // {"type": "x509", "attributes": "client" | "server"}: `localid` of a principal, "localIdOpts" of a request.
    static Result<LocalOptions> from(const json::object& object);
    bool operator==(const LocalOptions&) const = default;
};

class LocalIdentities {
public:
    explicit LocalIdentities(certd::Client certificates) : certificates_(std::move(certificates)) {}

    // {"type": "local", "spec": {...}}. `name` is "{module}.{hostname}.{domain}". Errors are certd's.
    Task<Result<json::object>> issue(std::string module, std::string name, LocalOptions options);

private:
    certd::Client certificates_;
    std::unique_ptr<boost::asio::thread_pool> maker_;  // of keys, which takes its time; there from the first one on
};

}  // namespace muster::edge::identityd
