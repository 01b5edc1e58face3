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

// The operator's own ([tls] of the configuration). What is wrong with it is told of the key and the file: it cannot be
// read, it is no certificate, the two do not belong together.
Result<ServerIdentity> given_server_identity(const std::string& certificate_file, const std::string& key_file);

// Why clients refuse it, but for its issuer: it has ended or not begun, or is for other names. Empty when they do not.
std::string fault_of(const ServerIdentity& identity, const std::string& host_name, TimePoint now);

}  // namespace muster::musterd
