#include "authority/keys.h"

#include <system_error>

#include "base/file.h"

namespace muster::authority {
namespace {

constexpr std::string_view suffix = ".key.pem";
constexpr std::string_view folder = "authority/";

// "root" of "root.key.pem"; empty for what is no key.
std::string_view name_of(std::string_view file) {
    return file.ends_with(suffix) ? file.substr(0, file.size() - suffix.size()) : std::string_view();
}

}  // namespace

std::filesystem::path KeyDirectory::file(std::string_view name) const {
    return directory_ / fmt::format("{}{}", name, suffix);
}

Result<Secret> KeyDirectory::read(std::string_view name) const {
    MUSTER_TRY(auto pem, read_file(file(name)));
    Secret key(pem);
    wipe(pem.data(), pem.size());
    return key;
}

Result<> KeyDirectory::write(std::string_view name, std::string_view pem) {
    MUSTER_CHECK(make_directories(directory_, 0700));
    return write_file_atomic(file(name), pem, 0600);
}

Result<> KeyDirectory::rename(std::string_view name, std::string_view to) {
    std::error_code error;
    std::filesystem::rename(file(name), file(to), error);
    if (!error || error == std::errc::no_such_file_or_directory) return {};
    return fail(Errc::io, "cannot move {}: {}", file(name).string(), error.message());
}

Result<> KeyDirectory::remove(std::string_view name) {
    return remove_file(file(name));
}

std::vector<std::string> KeyDirectory::names() const {
    std::vector<std::string> names;
    std::error_code none;  // no directory: no keys
    for (const auto& entry : std::filesystem::directory_iterator(directory_, none)) {
        const auto file_name = entry.path().filename().string();
        if (const auto name = name_of(file_name); !name.empty()) names.emplace_back(name);
    }
    return names;
}

Result<> KeyDirectory::save(store::Tx&, TimePoint) const {
    return {};
}

std::string KeyRecords::record_name(std::string_view name) {
    return fmt::format("{}{}{}", folder, name, suffix);
}

Result<std::unique_ptr<Keys>> KeyRecords::load(store::Tx& tx) {
    auto loaded = std::make_unique<KeyRecords>();
    MUSTER_TRY(auto records, tx.shared_files().list(folder));
    for (auto& record : records) {
        const auto name = name_of(std::string_view(record.name).substr(folder.size()));
        if (!name.empty())
            loaded->keys_.emplace(name, Key{.pem = std::move(record.content), .version = record.version});
    }
    return loaded;
}

Result<Secret> KeyRecords::read(std::string_view name) const {
    const auto found = keys_.find(name);
    if (found == keys_.end() || found->second.pem.empty()) return fail(Errc::not_found, "there is no {}", where(name));
    return found->second.pem.clone();
}

Result<> KeyRecords::write(std::string_view name, std::string_view pem) {
    auto& key = keys_[std::string(name)];
    key.pem = Secret(pem);
    key.changed = true;
    return {};
}

Result<> KeyRecords::rename(std::string_view name, std::string_view to) {
    const auto key = read(name);
    if (!key) return {};
    MUSTER_CHECK(write(to, key->text()));
    return remove(name);
}

Result<> KeyRecords::remove(std::string_view name) {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return {};
    found->second.pem.clear();
    found->second.changed = true;
    return {};
}

std::vector<std::string> KeyRecords::names() const {
    std::vector<std::string> names;
    for (const auto& [name, key] : keys_)
        if (!key.pem.empty()) names.push_back(name);
    return names;
}

Result<> KeyRecords::save(store::Tx& tx, TimePoint now) const {
    for (const auto& [name, key] : keys_) {
        if (!key.changed) continue;
        const auto record = record_name(name);
        MUSTER_TRY(const auto version, tx.shared_files().version(record));
        if (version != key.version)
            return fail(Error(Errc::conflict, fmt::format("{} was changed meanwhile by another musterd", record))
                            .with_hint("try again"));
        if (!key.pem.empty()) {
            MUSTER_CHECK(tx.shared_files().put({record, key.pem.clone(), key.version + 1, now}));
        } else if (version != 0) {
            MUSTER_CHECK(tx.shared_files().erase(record));
        }
    }
    return {};
}

}  // namespace muster::authority
