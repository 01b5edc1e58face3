// Where the files of `muster cert` lie: the names of the original scripts (certGen.sh), so that every path of the
// how-to is literally right.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace muster::cli::cert {

inline constexpr const char* root_prefix = "azure-iot-test-only.root.ca";
inline constexpr const char* intermediate_prefix = "azure-iot-test-only.intermediate";
inline constexpr const char* root_common_name = "Azure_IoT_Hub_CA_Cert_Test_Only";
inline constexpr const char* intermediate_common_name = "Azure_IoT_Hub_Intermediate_Cert_Test_Only";
inline constexpr const char* device_prefix = "iot-edge-device-identity-";
inline constexpr const char* edge_ca_prefix = "iot-edge-device-ca-";
inline constexpr const char* server_prefix = "iot-edge-server-";
inline constexpr const char* verification_prefix = "iot-device-verification-code";

// The directory with certs/, private/ and csr/; the files of one certificate share a prefix.
class Layout {
public:
    // "." becomes the empty path, so that messages read "certs/..." and not "./certs/...".
    explicit Layout(std::filesystem::path directory)
        : directory_(directory == "." ? std::filesystem::path() : std::move(directory)) {}

    const std::filesystem::path& directory() const { return directory_; }
    std::filesystem::path certs() const { return directory_ / "certs"; }
    std::filesystem::path private_keys() const { return directory_ / "private"; }
    std::filesystem::path requests() const { return directory_ / "csr"; }

    std::filesystem::path certificate(const std::string& prefix) const { return certs() / (prefix + ".cert.pem"); }
    std::filesystem::path chain(const std::string& prefix) const { return certs() / (prefix + "-full-chain.cert.pem"); }
    std::filesystem::path pfx(const std::string& prefix) const { return certs() / (prefix + ".cert.pfx"); }
    std::filesystem::path key(const std::string& prefix) const { return private_keys() / (prefix + ".key.pem"); }
    std::filesystem::path request(const std::string& prefix) const { return requests() / (prefix + ".csr.pem"); }

    // Makes what is missing; private/ is its owner's alone (0700).
    Result<> make_directories() const;

private:
    std::filesystem::path directory_;
};

// A name that becomes a part of a file's name: no path parts, no control characters, not hidden, 200 bytes at most.
Result<> check_file_name(const std::string& name);

// Held while a run writes into a directory: the names of its temporary files are predictable, and two runs for one name
// must not mix a key of one with a certificate of the other.
class DirectoryLock {
public:
    static Result<DirectoryLock> acquire(const std::filesystem::path& directory);
    DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    DirectoryLock& operator=(DirectoryLock&&) = delete;
    ~DirectoryLock();

private:
    explicit DirectoryLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace muster::cli::cert
