// Which service a command talks to, with which key, and what proves that it is the right one.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/error.h"
#include "base/json.h"
#include "muster/io.h"

namespace muster::cli {

inline constexpr const char* default_data_dir = "/var/lib/muster";

// As given on the command line; empty for not given.
struct ConnectionOptions {
    std::string connection_string;
    std::string data_dir;
    std::string ca_file;
};

struct Target {
    std::string base_url;    // "https://muster.example:8443"
    std::string connect_to;  // "127.0.0.1:8443" for a service of this machine; empty: what base_url says
    std::string host;        // without the port: the audience of tokens
    std::string policy;
    Secret key;
    std::vector<std::string> ca_pem;
    bool trust_system_store = true;
    std::string origin;  // where this came from, for messages: "the data directory /var/lib/muster"
    std::string mend;    // what to try when nobody answers
};

// --connection-string, else --data-dir, else MUSTER_CONNECTION_STRING, else the default data directory. The CA: --ca,
// else that of a data directory that was given, else MUSTER_CA, else that of the default data directory; one of a data
// directory is trusted besides the store of the operating system.
Result<Target> find_target(const ConnectionOptions& options, const Io& io);

// What musterd keeps in its data directory for those who may read it.
struct AccessPolicy {
    std::string name;
    Secret primary_key;  // base64, as it stands in a connection string
    Secret secondary_key;
    std::vector<std::string> rights;
};
Result<std::vector<AccessPolicy>> read_policies(const std::filesystem::path& data_dir);

struct Endpoints {
    std::int64_t pid = 0;
    std::string host_name;
    std::string id_scope;
    std::string https;       // "127.0.0.1:443"
    std::string mqtts = {};  // empty when off
    std::string amqps = {};
};
// Errc::unavailable when musterd is not running there.
Result<Endpoints> read_endpoints(const std::filesystem::path& data_dir);
// "muster.example", or "muster.example:8443" when it is not port 443.
std::string public_host(const Endpoints& endpoints);

// Reads a file of the data directory; the error says who may read it and how.
Result<std::string> read_data_file(const std::filesystem::path& data_dir, const char* name);

inline constexpr const char* server_ca_file = "server-ca.cert.pem";

}  // namespace muster::cli
