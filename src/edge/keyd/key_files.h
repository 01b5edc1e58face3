// Where keyd's keys are: preloaded files named in the settings, else <home>/keys/<alphanumerics of id>-<sha256>.key.
// Symmetric keys are raw bytes, key pairs unencrypted PKCS#8 PEM (facts/device.md 5.3: as the original has them, so
// that a device can change over in place).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/error.h"
#include "pki/key.h"

namespace muster::edge::keyd {

class KeyFiles {
public:
    KeyFiles(std::filesystem::path home, std::map<std::string, std::filesystem::path> preloaded);

    std::filesystem::path path_of(const std::string& id) const;
    bool is_preloaded(const std::string& id) const { return preloaded_.contains(id); }

    // Nothing when there is no such key. A preloaded file that is absent is an error: it must not be made up.
    Result<std::optional<Secret>> find(const std::string& id) const;
    Result<Secret> load(const std::string& id) const;  // Errc::not_found names the id
    Result<pki::PrivateKey> load_pair(const std::string& id) const;

    // Durable when it returns. Errc::already_exists, or Errc::conflict for a preloaded id.
    Result<> create(const std::string& id, ByteView content) const;
    Result<> put(const std::string& id, ByteView content) const;  // replaces an older one
    Result<> remove(const std::string& id) const;
    // Puts `from` in the place of `to`, in one step.
    Result<> move(const std::string& from, const std::string& to) const;

private:
    Result<> refuse_preloaded(const std::string& id, std::string_view what) const;
    std::filesystem::path directory_;
    std::map<std::string, std::filesystem::path> preloaded_;
};

}  // namespace muster::edge::keyd
