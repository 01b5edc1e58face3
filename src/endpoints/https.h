// The HTTPS front: one port carries the device API of the provisioning service, its service API, the hub's registry and
// the operator's own calls. Each part turns a request into a call of a service and its result into an answer.
#pragma once

#include "endpoints/services.h"
#include "net/http_server.h"

namespace muster::endpoints {

// `services` must outlive the handler.
net::HttpHandler https_handler(const Services& services);

}  // namespace muster::endpoints
