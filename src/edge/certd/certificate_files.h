// Where certd's certificates are: preloaded files and lists named in the settings, else
// <home>/certs/<alphanumerics of id>-<sha256>.cer, a PEM chain (facts/device.md 5.1).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "edge/certd/settings.h"

namespace muster::edge::certd {

class CertificateFiles {
public:
    CertificateFiles(std::filesystem::path home, std::map<std::string, Preloaded> preloaded);

    // The PEM chain; a list is the concatenation of its members, those that are missing left out. Errc::not_found.
    Result<std::string> load(const std::string& id) const;
    // Errc::conflict for a preloaded id; before anything is made that could not be kept.
    Result<> check_replaceable(const std::string& id) const { return refuse_preloaded(id, "replace"); }
    // Durable when it returns. Errc::conflict for a preloaded id.
    Result<> put(const std::string& id, const std::string& pem) const;
    Result<> remove(const std::string& id) const;

private:
    Result<std::optional<std::string>> find(const std::string& id, int depth) const;
    Result<std::optional<std::string>> find_list(const std::vector<std::string>& members, int depth) const;
    Result<> refuse_preloaded(const std::string& id, std::string_view what) const;
    std::filesystem::path stored_path(const std::string& id) const;

    std::filesystem::path directory_;
    std::map<std::string, Preloaded> preloaded_;
};

}  // namespace muster::edge::certd
