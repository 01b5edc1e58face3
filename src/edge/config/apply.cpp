#include "edge/config/apply.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"

namespace muster::edge {
namespace {

// The five services' files, and their owners; two of the services come later, their files travel already.
struct Owner {
    std::string_view service;
    std::string_view user;
};
constexpr Owner owners[] = {
    {"keyd", "aziotks"}, {"certd", "aziotcs"}, {"identityd", "aziotid"}, {"tpmd", "aziottpm"}, {"edged", "iotedge"}};

std::filesystem::path journal_of(const Paths& paths) {
    return paths.under("/etc/aziot/.apply-journal");
}

std::filesystem::path lock_of(const Paths& paths) {
    return paths.under("/etc/aziot/.apply-lock");
}

Result<FileLock> take_lock(const Paths& paths) {
    auto lock = FileLock::acquire(lock_of(paths));
    if (lock || lock.error().code() != Errc::conflict) return lock;
    return fail(lock.error().wrap("another `iotedge config apply` is running"));
}

// Where keys stand that the super-config holds itself; keyd's alone.
std::filesystem::path key_directory(const Paths& paths) {
    return paths.secrets_directory() / "keyd";
}

std::vector<std::filesystem::path> target_directories(const Paths& paths) {
    std::vector<std::filesystem::path> out{key_directory(paths)};
    for (const auto& owner : owners) out.push_back(paths.config_directory(owner.service));
    return out;
}

Result<> must_be_root(const Paths& paths) {
    if (paths.rooted() || ::geteuid() == 0) return {};
    return fail(Error(Errc::forbidden, "this command must be run as root").with_hint("sudo iotedge config apply"));
}

using Users = std::map<std::string, ServiceUser, std::less<>>;

Users find_users(const Paths& paths, const std::string& source, Findings& findings) {
    Users users;
    for (const auto& owner : owners) {
        auto user = service_user(paths, owner.user);
        if (user)
            users.emplace(std::string(owner.user), std::move(*user));
        else
            findings.problems.push_back({source, 0, "", user.error().chain(), user.error().hint()});
    }
    return users;
}

// certd asks keyd, identityd asks both: over sockets that are open to the group alone.
void check_groups(const Identity& member, const Users& users, const std::vector<std::string_view>& needed,
                  const std::string& source, Findings& findings) {
    for (const auto name : needed) {
        const auto group = users.find(name);
        if (group == users.end() || !users.contains(member.user)) continue;
        if (std::ranges::find(member.groups, group->second.gid) != member.groups.end()) continue;
        findings.problems.push_back(
            {source, 0, "",
             fmt::format("the user {} is not in the group {} and cannot reach its socket", member.user, name),
             fmt::format("usermod -aG {} {}", name, member.user)});
    }
}

std::string os_hostname() {
    char name[256] = {};
    if (::gethostname(name, sizeof name - 1) != 0) return {};
    return name;
}

std::size_t order_of(const ConfigProblem& problem) {
    // What has no line comes last.
    return problem.line == 0 ? SIZE_MAX : problem.line;
}

void sort_by_line(std::vector<ConfigProblem>& problems) {
    std::multimap<std::size_t, ConfigProblem> sorted;
    for (auto& problem : problems) sorted.emplace(order_of(problem), std::move(problem));
    problems.clear();
    for (auto& [line, problem] : sorted) problems.push_back(std::move(problem));
}

Result<> make_directory(const std::filesystem::path& directory, const ServiceUser& user) {
    MUSTER_CHECK(make_directories(directory.parent_path(), 0755));
    if (std::filesystem::is_directory(directory)) return {};
    MUSTER_CHECK(make_directories(directory, 0700));
    if (::chown(directory.c_str(), user.uid, user.gid) != 0)
        return fail(errno_error(fmt::format("cannot set the owner of {}", directory.string()), errno));
    return {};
}

struct KeyToWrite {
    std::filesystem::path file;
    Secret bytes;
};

// The device's symmetric key, and the encryption key of IoT Edge 1.1.
Result<std::vector<KeyToWrite>> keys_to_write(const Paths& paths, const SuperConfig& config) {
    std::vector<KeyToWrite> keys;
    if (const auto file = key_file_for(config.provisioning, paths.secrets_directory()))
        keys.push_back({*file, config.provisioning.shared_key->value->clone()});
    if (const auto file = master_key_file_for(config, paths.secrets_directory())) {
        MUSTER_TRY(auto content, read_file(config.master_key->path, encryption_key_bytes));
        keys.push_back({*file, Secret{std::string_view(content)}});
        wipe(content.data(), content.size());
    }
    return keys;
}

Result<> write_all(const Paths& paths, const Users& users, const ServiceFiles& files,
                   const std::vector<KeyToWrite>& keys, const StepHook& before_step) {
    const std::string* const contents[] = {&files.keyd, &files.certd, &files.identityd, &files.tpmd, &files.edged};
    std::vector<NewFile> set;
    for (std::size_t i = 0; i < std::size(owners); ++i) {
        const auto& user = users.find(owners[i].user)->second;
        MUSTER_CHECK(make_directory(paths.config_directory(owners[i].service), user));
        set.push_back({paths.generated_config(owners[i].service), *contents[i], 0600, FileOwner{user.uid, user.gid}});
    }
    const auto& keyd = users.find("aziotks")->second;
    if (!keys.empty()) MUSTER_CHECK(make_directory(key_directory(paths), keyd));
    for (const auto& key : keys)
        set.push_back({key.file, std::string(key.bytes.text()), 0600, FileOwner{keyd.uid, keyd.gid}});
    auto written = write_file_set(journal_of(paths), set, before_step);
    for (std::size_t i = std::size(owners); i < set.size(); ++i) wipe(set[i].content.data(), set[i].content.size());
    return written;
}

// One that does not exist yet is taken for root, so that everything but its rights is checked all the same.
Result<Identity> reader(const Paths& paths, const Users& users, std::string_view name) {
    const auto user = users.find(name);
    if (user == users.end()) return Identity{std::string(name), std::string(name), 0, {0}};
    return identity_of(paths, user->second);
}

Result<Config> load(const Paths& paths, const std::string& source) {
    auto file = Config::load(source);
    if (file || file.error().code() != Errc::not_found) return file;
    return fail(
        Error(file.error())
            .with_hint(fmt::format("cp {} {}", paths.under("/etc/aziot/config.toml.edge.template").string(), source)));
}

ServiceFiles files_for(const Paths& paths, const Users& users, const SuperConfig& config,
                       std::map<std::string, std::string> additional) {
    const auto uid = [&](std::string_view user) { return users.find(user)->second.uid; };
    return generate({config,
                     {uid("aziotcs"), uid("aziotid"), uid("iotedge")},
                     os_hostname(),
                     std::move(additional),
                     paths.secrets_directory()});
}

struct Examined {
    Findings findings;
    Users users;
    SuperConfig config;
    ServiceFiles files;
};

Result<Examined> examine(const Paths& paths, const ApplyOptions& options, const ApplyWorld& world) {
    const auto source = options.file.string();
    MUSTER_TRY(auto file, load(paths, source));
    Examined out;
    out.config = understand(file);
    out.findings.problems = file.problems();
    out.users = find_users(paths, source, out.findings);
    MUSTER_TRY(auto keyd, reader(paths, out.users, "aziotks"));
    MUSTER_TRY(auto certd, reader(paths, out.users, "aziotcs"));
    MUSTER_TRY(auto identityd, reader(paths, out.users, "aziotid"));
    MUSTER_TRY(auto tpmd, reader(paths, out.users, "aziottpm"));
    if (!paths.rooted()) {
        check_groups(certd, out.users, {"aziotks"}, source, out.findings);
        check_groups(identityd, out.users, {"aziotks", "aziotcs"}, source, out.findings);
        if (out.config.provisioning.method == Provisioning::Method::tpm)
            check_groups(identityd, out.users, {"aziottpm"}, source, out.findings);
    }
    CheckInput input{out.config,      source,        std::move(keyd),   std::move(certd), std::move(identityd),
                     std::move(tpmd), os_hostname(), world.clock.now(), world.resolve,    world.keyd_environment};
    auto additional = check(input, out.findings);
    if (!out.findings.problems.empty()) return out;
    out.files = files_for(paths, out.users, out.config, std::move(additional));
    return out;
}

}  // namespace

Result<ApplyOutcome> apply(const Paths& paths, const ApplyOptions& options, const ApplyWorld& world) {
    MUSTER_CHECK(must_be_root(paths));
    ApplyOutcome outcome;
    std::optional<FileLock> lock;
    if (!options.check_only) {
        MUSTER_CHECK(make_directories(paths.under("/etc/aziot"), 0755));
        MUSTER_TRY(lock, take_lock(paths));
        MUSTER_TRY(outcome.recovered, recover_file_set(journal_of(paths), target_directories(paths)));
    }
    MUSTER_TRY(auto examined, examine(paths, options, world));
    outcome.findings = std::move(examined.findings);
    sort_by_line(outcome.findings.problems);
    sort_by_line(outcome.findings.warnings);
    if (options.check_only || !outcome.findings.problems.empty()) return outcome;
    MUSTER_TRY(const auto keys, keys_to_write(paths, examined.config));
    MUSTER_CHECK(write_all(paths, examined.users, examined.files, keys, world.before_step));
    outcome.written = true;
    for (const auto& key : keys) outcome.key_files.push_back(key.file);
    return outcome;
}

Result<std::vector<std::filesystem::path>> files_of_another_version(const Paths& paths,
                                                                    const std::filesystem::path& file) {
    MUSTER_TRY(auto source, load(paths, file.string()));
    const auto config = understand(source);
    Findings findings{source.problems(), {}};
    const auto users = find_users(paths, file.string(), findings);
    if (!findings.problems.empty())
        return fail(Errc::invalid_argument, "{} would be refused: {}", file.string(), findings.problems.front().text());
    const auto files = files_for(paths, users, config, {});
    const std::pair<std::string_view, const std::string&> now[] = {
        {"keyd", files.keyd}, {"certd", files.certd}, {"identityd", files.identityd}, {"tpmd", files.tpmd}};
    std::vector<std::filesystem::path> differing;
    for (const auto& [service, content] : now) {
        const auto path = paths.generated_config(service);
        MUSTER_TRY(const auto applied, read_file(path));
        if (applied != content) differing.push_back(path);
    }
    return differing;
}

Result<Recovery> recover_interrupted_apply(const Paths& paths) {
    if (!std::filesystem::is_directory(paths.under("/etc/aziot"))) return Recovery::nothing;
    auto lock = FileLock::acquire(lock_of(paths));
    if (!lock) {
        if (lock.error().code() == Errc::conflict) return Recovery::nothing;
        return fail(lock.error().wrap("cannot look for an interrupted `iotedge config apply`"));
    }
    return recover_file_set(journal_of(paths), target_directories(paths));
}

}  // namespace muster::edge
