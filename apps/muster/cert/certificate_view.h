// A certificate or request as people and programs read it.
#pragma once

#include "base/json.h"
#include "muster/output.h"
#include "pki/certificate.h"
#include "pki/csr.h"

namespace muster::cli::cert {

json::object to_json(const pki::Certificate& certificate);
json::object to_json(const pki::Csr& request);
void print(const pki::Certificate& certificate, const Io& io);
void print(const pki::Csr& request, const Io& io);

}  // namespace muster::cli::cert
