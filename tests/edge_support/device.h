// A device below a directory of its own, with real daemon processes: this test program, started again under their
// names.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>

#include "base/json.h"
#include "edge/common/paths.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace muster::edge::testing {

struct Answer {
    int status = 0;
    json::object body;
    std::string message() const { return string_or(body, "message"); }
};

// A key with a certificate of its own or of an issuer's, valid now.
struct Identity {
    pki::PrivateKey key;
    pki::Certificate certificate;
};
Identity make_identity(const std::string& name, const pki::KeySpec& spec, const Identity* issuer, bool authority);

class Device {
public:
    Device();
    ~Device();  // ends the daemons, removes the directory
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    const Paths& paths() const { return paths_; }
    std::filesystem::path write(const std::string& name, std::string_view content) const;  // below the root; its path
    void write_settings(Service service, std::string_view toml) const;
    // The daemon runs and its socket answers. `log` of the daemon is <root>/<service>.log.
    void start(Service service);
    void stop(Service service, int signal);
    // Where certd and keyd keep what has that id.
    std::filesystem::path certificate_file(const std::string& id) const;
    std::filesystem::path key_file(const std::string& id) const;
    // As they are on the disk: whether the certificate is of the key; false when one is missing.
    bool fits(const std::string& certificate_id, const std::string& key_id) const;
    bool runs(Service service) const { return running_.contains(service); }
    pid_t pid(Service service) const { return running_.at(service); }
    std::string log(Service service) const;
    // All that the daemon may write to, for looking whether a secret is in it.
    std::string memory_of(Service service) const;
    // A counter of /proc/PID/smaps_rollup, in KiB. "Pss" shares what is mapped from files among all who have it mapped,
    // so it depends on what else runs; "Pss_Dirty" is what the daemon has written itself.
    long memory(Service service, std::string_view counter) const;

    Answer call(Service service, const std::string& method, const std::string& target,
                const json::object& body = {}) const;
    // Exactly as curl does it: the status, a space, the body.
    std::string curl(Service service, const std::string& arguments) const;

private:
    std::filesystem::path root_;
    Paths paths_;
    std::map<Service, pid_t> running_;
};

}  // namespace muster::edge::testing
