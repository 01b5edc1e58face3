// What must be true before a configuration is written: files there, readable by the right user, certificate and key
// fit, names and dates right, the service's name known. All problems are found in one go, each with what mends it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "edge/config/access.h"
#include "edge/config/super_config.h"

namespace muster::edge {

struct Findings {
    std::vector<ConfigProblem> problems;  // any of them stops the apply
    std::vector<ConfigProblem> warnings;
};

enum class Lookup { found, no_such_name, cannot_tell };
// The system's resolver, given up after five seconds.
Lookup resolve_host(const std::string& host, const std::string& port);

struct CheckInput {
    const SuperConfig& config;
    std::string source;  // the configuration file's name
    Identity keyd;       // reads private keys
    Identity certd;      // reads certificates
    Identity identityd;  // reads the payload and the service's authorities
    Identity tpmd;       // uses the TPM
    std::string os_hostname;
    TimePoint now;
    std::function<Lookup(const std::string& host, const std::string& port)> resolve;
    // What keyd's unit adds to its environment: where a PKCS #11 library finds its tokens may depend on it.
    std::vector<std::pair<std::string, std::string>> keyd_environment = {};
};

// Of the key that a 1.1 device encrypted its modules' secrets with: AES-256.
inline constexpr std::size_t encryption_key_bytes = 32;

// Also reads the additional_info file, which edged's file carries.
std::map<std::string, std::string> check(const CheckInput& input, Findings& findings);

}  // namespace muster::edge
