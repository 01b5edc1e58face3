#include "service_files.h"

#include "base/text.h"
#include "server_identity.h"

namespace muster::musterd {
namespace {

constexpr mode_t private_file = 0600;
constexpr std::size_t key_bytes = 32;

Result<Secret> read_secret_file(const std::filesystem::path& path) {
    MUSTER_TRY(auto text, read_file(path));
    Secret content(text);
    wipe(text.data(), text.size());
    return content;
}

Result<Secret> read_or_make(const DataDirectory& data, std::string_view name,
                            const std::optional<std::string>& id_scope, Random& random) {
    auto content = read_secret_file(data.file(name));
    if (content || content.error().code() != Errc::not_found) return content;
    auto made = new_service_file(name, id_scope, random);
    MUSTER_CHECK(write_file_atomic(data.file(name), made.text(), private_file));
    return made;
}

Result<std::string_view> content_of(const FileContents& contents, std::string_view name) {
    const auto found = contents.find(name);
    if (found == contents.end()) return fail(Errc::not_found, "there is no {}", name);
    return found->second.text();
}

Result<Secret> parse_key(const FileContents& contents, std::string_view name) {
    MUSTER_TRY(const auto text, content_of(contents, name));
    auto key = base64_decode(trim(text));
    if (!key || key->size() != key_bytes)
        return fail(Errc::invalid_argument, "{} is damaged: it must hold {} bytes in base64", name, key_bytes);
    return Secret(std::move(*key));
}

// Where the next start, and `muster` on this machine, read them.
access::PolicyBook::Save policies_to_file(std::filesystem::path path) {
    return [path = std::move(path)](const access::Policies& policies) -> Result<> {
        auto text = policies.serialize();
        auto written = write_file_atomic(path, text, private_file);
        wipe(text.data(), text.size());
        return written;
    };
}

}  // namespace

Wanted wanted_by(const Settings& settings) {
    return {settings.id_scope, settings.host_name, !settings.certificate.has_value()};
}

Result<> check_scope(const std::string& stored, const std::optional<std::string>& configured, std::string_view where) {
    if (!configured || *configured == stored) return {};
    return fail(Error(Errc::conflict,
                      fmt::format("id_scope is '{}' in the configuration and '{}' in {}", *configured, stored, where))
                    .with_hint("an id scope never changes: devices hold it. Remove the setting, or use another data "
                               "directory or database"));
}

Result<ServiceFiles> parse_service_files(const FileContents& contents) {
    ServiceFiles files;
    MUSTER_TRY(const auto scope, content_of(contents, scope_file));
    files.id_scope = trim(scope);
    MUSTER_TRY(files.operation_key, parse_key(contents, operation_key_file));
    MUSTER_TRY(files.webhook_key, parse_key(contents, webhook_key_file));
    MUSTER_TRY(const auto policies, content_of(contents, policies_file));
    auto parsed = access::Policies::parse(policies);
    if (!parsed) return fail(parsed.error().wrap(std::string(policies_file)));
    files.policies = std::move(*parsed);
    return files;
}

Secret new_service_file(std::string_view name, const std::optional<std::string>& id_scope, Random& random) {
    std::string text;
    if (name == scope_file)
        text = id_scope.value_or("0ne" + hex_encode_upper(random.bytes(4))) + "\n";
    else if (name == policies_file)
        text = access::Policies::generate(random).serialize();
    else
        text = base64_encode(random.bytes(key_bytes)) + "\n";
    Secret content(text);
    wipe(text.data(), text.size());
    return content;
}

Result<ServiceFiles> own_service_files(const DataDirectory& data, const Wanted& wanted, const Clock& clock,
                                       Random& random) {
    const bool first_start = !data.has(policies_file);
    if (wanted.own_ca) MUSTER_CHECK(make_server_ca(data, clock, random));
    FileContents contents;
    for (const auto name : service_file_names) {
        MUSTER_TRY(auto content, read_or_make(data, name, wanted.id_scope, random));
        contents.emplace(name, std::move(content));
    }
    auto files = parse_service_files(contents);
    if (!files) return fail(files.error().wrap(fmt::format("the data directory {}", data.path.string())));
    MUSTER_CHECK(check_scope(files->id_scope, wanted.id_scope, data.file(scope_file).string()));
    files->save_policies = policies_to_file(data.file(policies_file));
    if (first_start) files->news = "first start: a new data directory was made";
    return files;
}

}  // namespace muster::musterd
