// Where the authority has its private keys: by name, as PEM.
//
// "{fingerprint}" is the key of an issuing CA, "root" that of the root when it was made here, "former-root-{time}" one
// that a new root took the place of, and "requested-{request id}" that of a request whose certificate is still to come
// ("requested" of earlier versions). A key is in "{name}.key.pem": a file of the authority's directory (mode 0600, the
// directory 0700), or, where several musterds share a database, a record there (store/shared_files.h), so that each of
// them signs with the same.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "store/tx.h"

namespace muster::authority {

// As one piece of work sees and changes them. Files are changed at once; records in `save`, or not at all.
class Keys {
public:
    virtual ~Keys() = default;
    // Errc::not_found when there is none of that name.
    virtual Result<Secret> read(std::string_view name) const = 0;
    virtual Result<> write(std::string_view name, std::string_view pem) = 0;
    // Nothing happens when it is not there.
    virtual Result<> rename(std::string_view name, std::string_view to) = 0;
    virtual Result<> remove(std::string_view name) = 0;
    virtual std::vector<std::string> names() const = 0;
    // For messages: the path of a file.
    virtual std::string where(std::string_view name) const = 0;
    // In the transaction of what the changes are for. It may run again. Errc::conflict when another musterd has changed
    // one of them since.
    virtual Result<> save(store::Tx& tx, TimePoint now) const = 0;
};

class KeyDirectory final : public Keys {
public:
    explicit KeyDirectory(std::filesystem::path directory) : directory_(std::move(directory)) {}

    Result<Secret> read(std::string_view name) const override;
    Result<> write(std::string_view name, std::string_view pem) override;
    Result<> rename(std::string_view name, std::string_view to) override;
    Result<> remove(std::string_view name) override;
    std::vector<std::string> names() const override;
    std::string where(std::string_view name) const override { return file(name).string(); }
    Result<> save(store::Tx& tx, TimePoint now) const override;

private:
    std::filesystem::path file(std::string_view name) const;

    std::filesystem::path directory_;
};

class KeyRecords final : public Keys {
public:
    // All that there are.
    static Result<std::unique_ptr<Keys>> load(store::Tx& tx);
    // What a shared file with that key is called: "authority/root.key.pem".
    static std::string record_name(std::string_view name);

    Result<Secret> read(std::string_view name) const override;
    Result<> write(std::string_view name, std::string_view pem) override;
    Result<> rename(std::string_view name, std::string_view to) override;
    Result<> remove(std::string_view name) override;
    std::vector<std::string> names() const override;
    std::string where(std::string_view name) const override { return record_name(name) + " of the database"; }
    Result<> save(store::Tx& tx, TimePoint now) const override;

private:
    struct Key {
        Secret pem;                // empty: removed
        std::int64_t version = 0;  // in the database; 0: not there yet
        bool changed = false;
    };
    std::map<std::string, Key, std::less<>> keys_;
};

}  // namespace muster::authority
