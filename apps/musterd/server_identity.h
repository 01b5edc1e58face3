// The certificate that musterd serves with, when it makes its own.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "data_directory.h"

namespace muster::musterd {

inline constexpr std::string_view server_ca_file = "server-ca.cert.pem";
inline constexpr std::string_view server_ca_key_file = "server-ca.key.pem";

struct ServerIdentity {
    std::string chain_pem;
    std::string key_pem;
    std::string ca_pem;  // empty when the certificate is the operator's own
};

// Makes the CA of the service's certificates where there is none in the data directory.
Result<> make_server_ca(const DataDirectory& data, const Clock& clock, Random& random);

// A certificate from that CA for `host_name` and localhost, made anew when the name changes or it nears its end.
Result<ServerIdentity> own_server_identity(const DataDirectory& data, const std::string& host_name, const Clock& clock,
                                           Random& random);

}  // namespace muster::musterd
