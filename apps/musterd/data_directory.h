// The data directory: what a first start makes and every start reads.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "access/policy_book.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"

namespace muster::musterd {

struct DataDirectory {
    std::filesystem::path path;
    FileLock lock;
    bool first_start = false;
    std::string id_scope;
    Secret operation_key;
    Secret webhook_key;  // signs what webhooks are asked
    access::Policies policies;

    std::filesystem::path file(std::string_view name) const { return path / name; }
};

// Makes what is missing (directory 0700, files 0600) and reads the rest. Errc::conflict when another musterd holds it.
Result<DataDirectory> open_data_directory(const std::filesystem::path& path, const std::optional<std::string>& id_scope,
                                          Random& random);

// Writes changed policies where the next start, and `muster` on this machine, read them.
access::PolicyBook::Save policy_file(const DataDirectory& data);

struct ServerIdentity {
    std::string chain_pem;
    std::string key_pem;
    std::string ca_pem;  // empty when the certificate is the operator's own
};

// The certificate musterd serves with: its own, made from its own CA for `host_name` and localhost, and made anew when
// the name changes or it nears its end.
Result<ServerIdentity> own_server_identity(const DataDirectory& data, const std::string& host_name, const Clock& clock,
                                           Random& random);

}  // namespace muster::musterd
