// The supervisor's HTTP API on /run/aziot/supervisor.sock, for `iotedge system`:
//   GET  /status                                    {"services":[{name, state, pid, restarts, reason, lastLines[]}]}
//   GET  /logs?lines=N&after=NUMBER&since=TIME&wait=MS   {"newest":NUMBER,"lines":[{number, time, service, text}]}
//   POST /restart, /stop, /reload                   204
//   POST /set-log-level {"level"}                   204; takes effect with the next restart
// Errors are {"message"}.
#pragma once

#include "edge/supervisor/supervisor.h"
#include "net/http_server.h"

namespace muster::edge::supervisor {

net::HttpHandler make_handler(Supervisor& supervisor);

}  // namespace muster::edge::supervisor
