#include "shared_files.h"

#include "authority/keys.h"
#include "base/log.h"
#include "base/text.h"
#include "database.h"
#include "net/reactor.h"
#include "server_identity.h"

namespace muster::musterd {
namespace {

using store::SharedFileRecord;
using store::Tx;

constexpr mode_t private_file = 0600;
// A record alone: every musterd has it in its configuration.
constexpr std::string_view host_name_record = "host-name";
// In a data directory whose service has its records elsewhere.
constexpr std::string_view shared_mark = "shared-store";

SharedFileRecord record_of(std::string_view name, std::string_view content, std::int64_t version, TimePoint now) {
    return {std::string(name), Secret(content), version, now};
}

std::string text_of(const SharedFileRecord& record) {
    return std::string(trim(record.content.text()));
}

std::vector<std::string_view> copied_names(bool own_ca) {
    std::vector<std::string_view> names(service_file_names.begin(), service_file_names.end());
    if (own_ca) names.insert(names.begin(), {server_ca_key_file, server_ca_file});
    return names;
}

Error other_host_name(const std::string& here, const std::string& there) {
    return Error(Errc::conflict,
                 fmt::format("host_name is '{}' in the configuration, and '{}' to the other musterds of this database: "
                             "devices would be told two hubs",
                             here, there))
        .with_hint(fmt::format("write host_name = \"{}\"; or, when the service is to have another name: stop its "
                               "musterds, write the new name into the configuration of each, and run `musterd "
                               "--take-host-name` on one of them before they start again",
                               there));
}

}  // namespace

Result<> check_not_shared(const DataDirectory& data) {
    if (!data.has(shared_mark)) return {};
    return fail(
        Error(Errc::conflict, fmt::format("the service of the data directory {} has its records in a PostgreSQL "
                                          "database, and the configuration names none",
                                          data.path.string()))
            .with_hint(fmt::format("name it in the section [store] of the configuration. To begin with an empty "
                                   "database here all the same, remove {}",
                                   data.file(shared_mark).string())));
}

Result<> mark_shared(const DataDirectory& data) {
    if (data.has(shared_mark)) return {};
    return write_file_atomic(data.file(shared_mark), "The records of this service are in a PostgreSQL database.\n",
                             private_file);
}

Result<SharedFiles::Records> SharedFiles::read(Tx& tx) {
    MUSTER_TRY(auto list, tx.shared_files().list());
    Records records;
    for (auto& record : list) {
        auto name = record.name;
        records.emplace(std::move(name), std::move(record));
    }
    return records;
}

Result<> SharedFiles::check(const Records& records, const Wanted& wanted) const {
    const auto scope = records.find(scope_file);
    if (scope == records.end()) {
        if (!data_.has(sqlite_file)) return {};
        return fail(Error(Errc::conflict,
                          fmt::format("the database is empty, and {} has a store of its own", data_.path.string()))
                        .with_hint("take it along first: `musterd --copy-to-postgresql`; or begin anew with an empty "
                                   "data directory"));
    }
    const auto there = text_of(scope->second);
    if (const auto here = read_file(data_.file(scope_file)); here && trim(*here) != there)
        return fail(Error(Errc::conflict, fmt::format("the data directory {} is of the service with the id scope {}, "
                                                      "and the database of the one with {}",
                                                      data_.path.string(), trim(*here), there))
                        .with_hint("to join the service of the database, start with an empty data directory; else name "
                                   "the right database in the section [store] of the configuration"));
    MUSTER_CHECK(check_scope(there, wanted.id_scope, "the database"));
    const auto host_name = records.find(host_name_record);
    if (host_name == records.end() || text_of(host_name->second) == wanted.host_name) return {};
    return fail(other_host_name(wanted.host_name, text_of(host_name->second)));
}

FileContents SharedFiles::together(const Records& records, const FileContents& offered) {
    FileContents contents;
    for (const auto& [name, record] : records) contents.emplace(name, record.content.clone());
    for (const auto& [name, content] : offered) contents.emplace(name, content.clone());
    return contents;
}

// What this musterd would put where the database lacks it: what it has, or else something new.
Result<FileContents> SharedFiles::candidates(const Records& records, const Wanted& wanted) const {
    FileContents offered;
    if (wanted.own_ca && !records.contains(server_ca_file)) MUSTER_CHECK(make_server_ca(data_, clock_, random_));
    for (const auto name : copied_names(wanted.own_ca)) {
        if (records.contains(name)) continue;
        auto content = read_file(data_.file(name));
        if (content) {
            offered.emplace(name, Secret(*content));
            wipe(content->data(), content->size());
        } else if (content.error().code() == Errc::not_found) {
            offered.emplace(name, new_service_file(name, wanted.id_scope, random_));
        } else {
            return std::unexpected(std::move(content).error());
        }
    }
    if (!records.contains(host_name_record)) offered.emplace(host_name_record, Secret(wanted.host_name));
    return offered;
}

Result<SharedFiles::Records> SharedFiles::put_missing(const FileContents& offered, const Wanted& wanted) {
    Records all;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(all, read(tx));
        // Another may have been quicker since: it is that one's service then.
        MUSTER_CHECK(check(all, wanted));
        for (const auto& [name, content] : offered) {
            if (all.contains(name)) continue;
            auto record = record_of(name, content.text(), 1, clock_.now());
            MUSTER_CHECK(tx.shared_files().put(record));
            all.emplace(name, std::move(record));
        }
        return {};
    }));
    return all;
}

Result<> SharedFiles::write_copy(std::string_view name, std::string_view content) const {
    const auto there = read_file(data_.file(name));
    if (there && *there == content) return {};
    MUSTER_CHECK(write_file_atomic(data_.file(name), content, private_file));
    if (there) log::info("a file of the data directory is as the database has it now", {{"file", name}});
    return {};
}

Result<> SharedFiles::write_copies(const Records& records, bool own_ca) const {
    for (const auto name : copied_names(own_ca))
        if (const auto found = records.find(name); found != records.end())
            MUSTER_CHECK(write_copy(name, found->second.content.text()));
    return mark_shared(data_);
}

Result<ServiceFiles> SharedFiles::join(const Wanted& wanted) {
    Records before;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(before, read(tx));
        return {};
    }));
    MUSTER_CHECK(check(before, wanted));
    MUSTER_TRY(const auto offered, candidates(before, wanted));
    // What is damaged here does not get there.
    if (const auto whole = parse_service_files(together(before, offered)); !whole)
        return fail(whole.error().wrap(fmt::format("the data directory {}, or the database", data_.path.string())));
    MUSTER_TRY(const auto records, put_missing(offered, wanted));
    auto files = parse_service_files(together(records, {}));
    if (!files) return fail(files.error().wrap("the database"));
    MUSTER_CHECK(write_copies(records, wanted.own_ca));
    if (data_.has(sqlite_file))
        log::warn("a store in the data directory is not looked at: the records are in PostgreSQL",
                  {{"file", data_.file(sqlite_file).string()}});
    policies_version_ = records.at(std::string(policies_file)).version;
    files->save_policies = [this](const access::Policies& policies) { return save_policies(policies); };
    files->load_policies = [this] { return load_policies(); };
    if (!before.contains(scope_file)) files->news = "first start: the database was empty";
    return files;
}

Result<> SharedFiles::put_all(Tx& tx, const DataDirectory& data, const Wanted& wanted, TimePoint now) {
    for (const auto name : copied_names(wanted.own_ca)) {
        MUSTER_TRY(auto content, read_file(data.file(name)));
        const auto record = record_of(name, content, 1, now);
        wipe(content.data(), content.size());
        MUSTER_CHECK(tx.shared_files().put(record));
    }
    const authority::KeyDirectory keys(data.file(authority_directory));
    for (const auto& name : keys.names()) {
        MUSTER_TRY(const auto pem, keys.read(name));
        MUSTER_CHECK(tx.shared_files().put(record_of(authority::KeyRecords::record_name(name), pem.text(), 1, now)));
    }
    return tx.shared_files().put(record_of(host_name_record, wanted.host_name, 1, now));
}

Result<> SharedFiles::save_policies(const access::Policies& policies) {
    auto text = policies.serialize();
    const auto next = record_of(policies_file, text, policies_version_ + 1, clock_.now());
    auto saved = net::run_blocking(store_.transact([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto version, tx.shared_files().version(policies_file));
        if (version != policies_version_)
            return fail(Error(Errc::conflict, "the access policies were changed meanwhile by another musterd")
                            .with_hint("try again"));
        return tx.shared_files().put(next);
    }));
    if (saved) {
        policies_version_ = next.version;
        // They are in force: a copy that could not be written is an older one, no more.
        if (auto copied = write_copy(policies_file, text); !copied)
            log::error("`muster` on this machine reads older access policies", {{"error", copied.error().chain()}});
    }
    wipe(text.data(), text.size());
    return saved;
}

// Asked for often, and nearly always for nothing: the keys are read when there is something new.
Result<std::optional<SharedFileRecord>> SharedFiles::newer_policies(Tx& tx) const {
    MUSTER_TRY(const auto version, tx.shared_files().version(policies_file));
    if (version == 0) return fail(Errc::not_found, "the database has no {} any more", policies_file);
    if (version == policies_version_) return std::nullopt;
    return tx.shared_files().find(policies_file);
}

Result<std::optional<access::Policies>> SharedFiles::load_policies() {
    MUSTER_TRY(const auto there, net::run_blocking(store_.read([&](Tx& tx) { return newer_policies(tx); })));
    if (!there) return std::nullopt;
    auto policies = access::Policies::parse(there->content.text());
    if (!policies) return fail(policies.error().wrap(fmt::format("{} of the database", policies_file)));
    policies_version_ = there->version;
    if (auto copied = write_copy(policies_file, there->content.text()); !copied)
        log::error("`muster` on this machine reads older access policies", {{"error", copied.error().chain()}});
    return std::move(*policies);
}

Result<std::string> SharedFiles::take_host_name(const std::string& host_name) {
    std::string before;
    MUSTER_CHECK(store_.transact_now([&](Tx& tx) -> Result<> {
        MUSTER_TRY(const auto records, read(tx));
        if (!records.contains(scope_file))
            return fail(Error(Errc::not_found, "the database is empty: its service has no host name yet")
                            .with_hint("start musterd: it takes the one of its configuration"));
        const auto there = records.find(host_name_record);
        before = there == records.end() ? "" : text_of(there->second);
        const auto version = there == records.end() ? 0 : there->second.version;
        return tx.shared_files().put(record_of(host_name_record, host_name, version + 1, clock_.now()));
    }));
    return before;
}

Task<Result<>> SharedFiles::check_host_name(std::string host_name) const {
    MUSTER_CO_TRY(const auto there,
                  co_await store_.read([](Tx& tx) { return tx.shared_files().find(host_name_record); }));
    if (there && text_of(*there) != host_name) co_return fail(other_host_name(host_name, text_of(*there)));
    co_return Result<>();
}

}  // namespace muster::musterd
