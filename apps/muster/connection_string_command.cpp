// `muster connection-string`: what the service SDKs, the az CLI and this program on other machines connect with.
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

struct ConnectionStringOptions {
    std::string policy;
    std::string key = "primary";
    std::string host_name;
};

void print_policies(const Context& context, const std::vector<AccessPolicy>& policies) {
    FactSheet facts;
    for (const auto& policy : policies)
        facts.add(policy.name, policy.rights.empty() ? "no rights" : join(policy.rights, ", "));
    facts.print(context.io);
}

void print_policies_as_json(Context& context, const std::vector<AccessPolicy>& policies) {
    json::array list;
    for (const auto& policy : policies) {
        list.push_back(json::object{{"keyName", policy.name}, {"rights", json::value_from(policy.rights)}});
    }
    print_json(context, list);
}

Result<const AccessPolicy*> find_policy(const std::vector<AccessPolicy>& policies, const std::string& name) {
    std::vector<std::string> names;
    for (const auto& policy : policies) {
        if (equals_ignore_case(policy.name, name)) return &policy;
        names.push_back(policy.name);
    }
    const auto meant = nearest(name, names);
    return fail(Error(Errc::not_found, fmt::format("there is no policy '{}'{}", printable(name),
                                                   meant ? fmt::format("; did you mean '{}'?", *meant) : ""))
                    .with_hint("`muster connection-string` without --policy shows them all and what each may do."));
}

Result<std::string> host_of(const Context& context, const ConnectionStringOptions& options,
                            const std::filesystem::path& data_dir) {
    if (!options.host_name.empty()) return options.host_name;
    MUSTER_TRY(const auto endpoints, read_endpoints(data_dir));
    auto host = public_host(endpoints);
    if (host.contains(':')) {
        context.io.err(
            "Note: the service does not listen on port 443; the SDKs of Azure cannot be told another one.\n");
    }
    return host;
}

Result<> print(Context& context, const ConnectionStringOptions& options) {
    const std::filesystem::path data_dir =
        context.connection.data_dir.empty() ? default_data_dir : context.connection.data_dir;
    MUSTER_TRY(const auto policies, read_policies(data_dir));
    if (options.policy.empty()) {
        context.json() ? print_policies_as_json(context, policies) : print_policies(context, policies);
        return {};
    }
    MUSTER_TRY(const auto* policy, find_policy(policies, options.policy));
    MUSTER_TRY(const auto host, host_of(context, options, data_dir));
    const auto& key = options.key == "secondary" ? policy->secondary_key : policy->primary_key;
    auto text = fmt::format("HostName={};SharedAccessKeyName={};SharedAccessKey={}", host, policy->name, key.text());
    if (context.json()) {
        print_json(context, json::object{{"connectionString", text}});
    } else {
        context.io.out(text + '\n');
    }
    wipe(text.data(), text.size());
    return {};
}

}  // namespace

void add_connection_string_command(CLI::App& app, Context& context) {
    auto& verb = add_verb(
        app, "connection-string", "Print a connection string of the service, for the SDKs and for `muster` elsewhere",
        "  muster connection-string                                    # the policies, and their rights\n"
        "  muster connection-string --policy provisioningserviceowner\n"
        "  export MUSTER_CONNECTION_STRING=$(sudo muster connection-string --policy owner)\n");
    auto options = std::make_shared<ConnectionStringOptions>();
    verb.add_option("-p,--policy", options->policy, "whose key to use; without it the policies are listed")
        ->type_name("NAME");
    add_choice(verb, "--key", options->key, {"primary", "secondary"}, "which of its two keys; default primary");
    verb.add_option("--host-name", options->host_name, "host name to write, when clients know it by another one")
        ->type_name("HOST");
    add_output_option(verb, context);
    add_data_dir_option(verb, context);
    verb.callback([&context, options] { context.finish(print(context, *options)); });
}

}  // namespace muster::cli
