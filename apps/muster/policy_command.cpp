// `muster policy`: the access policies of the service, which say who may call its APIs and what for.
#include "base/bytes.h"
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/symmetric_keys.h"

namespace muster::cli {
namespace {

const std::vector<std::string>& rights() {
    static const std::vector<std::string> all = {"ServiceConfig",          "EnrollmentRead",          "EnrollmentWrite",
                                                 "RegistrationStatusRead", "RegistrationStatusWrite", "RegistryRead",
                                                 "RegistryWrite",          "ServiceConnect",          "DeviceConnect"};
    return all;
}

Call call_of(const char* verb, const char* method, const std::string& name) {
    return {.what = fmt::format("{} access policy '{}'", verb, name),
            .method = method,
            .path = fmt::format("/muster/policies/{}", percent_encode(name)),
            .api_version = muster_api,
            .not_found_hint = "`muster policy list` shows those there are."};
}

std::string rights_of(const json::object& policy) {
    std::vector<std::string> names;
    if (const auto* list = find_member(policy, "rights"); list != nullptr && list->is_array())
        for (const auto& right : list->as_array())
            if (right.is_string()) names.emplace_back(right.as_string());
    return join(names, ", ");
}

std::string connection_string(const ServiceClient& client, const json::object& policy) {
    return fmt::format("HostName={};SharedAccessKeyName={};SharedAccessKey={}",
                       client.target().base_url.substr(std::string_view("https://").size()),
                       string_or(policy, "keyName"), string_or(policy, "primaryKey"));
}

void print_policy(Context& context, const ServiceClient& client, const json::object& policy) {
    if (context.json()) return print_json(context, policy);
    FactSheet facts;
    facts.add("Policy", string_or(policy, "keyName"));
    facts.add("Rights", rights_of(policy));
    facts.add("Primary key", string_or(policy, "primaryKey"));
    facts.add("Secondary key", string_or(policy, "secondaryKey"));
    if (find_member(policy, "primaryKey") != nullptr) facts.add("Connection string", connection_string(client, policy));
    facts.print(context.io);
}

Result<> print_answer(Context& context, const Call& call) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto policy, client.call_object(call));
    print_policy(context, client, policy);
    for (auto& member : policy) wipe_strings(member.value());
    return {};
}

Result<> list(Context& context) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(
        const auto answer,
        client.call_object({.what = "list access policies", .path = "/muster/policies", .api_version = muster_api}));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    Table table({{"POLICY", ColumnKind::id}, {"RIGHTS"}}, context.io.columns, context.io.out);
    if (const auto* policies = find_member(answer, "value"); policies != nullptr && policies->is_array())
        for (const auto& policy : policies->as_array())
            if (policy.is_object())
                table.add({string_or(policy.as_object(), "keyName"), rights_of(policy.as_object())});
    table.finish();
    return {};
}

Result<> show(Context& context, const std::string& name, bool with_keys) {
    auto call = call_of("show", with_keys ? "POST" : "GET", name);
    if (with_keys) call.path += "/listKeys";
    return print_answer(context, call);
}

Result<> create(Context& context, const std::string& name, const std::vector<std::string>& chosen) {
    auto call = call_of("create", "PUT", name);
    call.if_none_match = "*";
    call.body = json::object{{"rights", json::value_from(chosen)}};
    return print_answer(context, call);
}

Result<> update(Context& context, const std::string& name, const std::vector<std::string>& chosen) {
    auto call = call_of("update", "PUT", name);
    call.if_match = "*";
    call.body = json::object{{"rights", json::value_from(chosen)}};
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto policy, client.call_object(call));
    for (const auto* key : {"primaryKey", "secondaryKey"}) {
        wipe_strings(policy[key]);
        policy.erase(key);  // they are as they were
    }
    print_policy(context, client, policy);
    return {};
}

Result<> remove(Context& context, const std::string& name) {
    return send_deletion(context, call_of("delete", "DELETE", name), fmt::format("Deleted access policy '{}'.", name));
}

Result<> regenerate(Context& context, const std::string& name, const std::string& key) {
    auto call = call_of("make a new key for", "POST", name);
    call.path += "/regenerateKey";
    call.body = json::object{{"key", key}};
    return print_answer(context, call);
}

void add_name(CLI::App& verb, std::string& name) {
    verb.add_option("NAME", name, "name of the policy")->required()->type_name("");
}

void add_rights(CLI::App& verb, std::vector<std::string>& chosen) {
    const auto right = [](std::string& text) -> std::string {
        for (const auto& known : rights()) {
            if (!equals_ignore_case(known, text)) continue;
            text = known;
            return {};
        }
        const auto meant = nearest(text, rights());
        return fmt::format("'{}' is not one of {}{}", printable(text), join(rights(), ", "),
                           meant ? fmt::format("; did you mean '{}'?", *meant) : "");
    };
    verb.add_option("-r,--rights", chosen, "what it may do: " + join(rights(), ", "))
        ->required()
        ->delimiter(',')
        ->transform(CLI::Validator(right, ""))
        ->type_name("RIGHT,...");
}

struct Chosen {
    std::string name;
    std::vector<std::string> rights;
    std::string key;
    bool with_keys = false;
};

}  // namespace

void add_policy_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "policy", "Access policies: who may call the service's APIs, and what for");

    auto& list_verb = add_service_verb(noun, context, "list", "List the access policies", "  muster policy list\n");
    list_verb.callback([&context] { context.finish(list(context)); });

    auto& show_verb = add_service_verb(noun, context, "show", "Show an access policy",
                                       "  muster policy show provisioningreader --show-keys\n");
    auto shown = std::make_shared<Chosen>();
    add_name(show_verb, shown->name);
    show_verb.add_flag("--show-keys,--keys", shown->with_keys, "with its keys and connection string");
    show_verb.callback([&context, shown] { context.finish(show(context, shown->name, shown->with_keys)); });

    auto& create_verb =
        add_service_verb(noun, context, "create", "Make an access policy, with new keys",
                         "  muster policy create helpdesk --rights EnrollmentRead,RegistrationStatusRead\n");
    auto created = std::make_shared<Chosen>();
    add_name(create_verb, created->name);
    add_rights(create_verb, created->rights);
    create_verb.callback([&context, created] { context.finish(create(context, created->name, created->rights)); });

    auto& update_verb = add_service_verb(noun, context, "update",
                                         "Change what an access policy may do; its keys stay, it counts at once",
                                         "  muster policy update helpdesk --rights EnrollmentRead\n");
    auto updated = std::make_shared<Chosen>();
    add_name(update_verb, updated->name);
    add_rights(update_verb, updated->rights);
    update_verb.callback([&context, updated] { context.finish(update(context, updated->name, updated->rights)); });

    auto& delete_verb = add_service_verb(noun, context, "delete",
                                         "Delete an access policy: what was signed with its keys is refused at once",
                                         "  muster policy delete helpdesk\n");
    auto deleted = std::make_shared<Chosen>();
    add_name(delete_verb, deleted->name);
    delete_verb.callback([&context, deleted] { context.finish(remove(context, deleted->name)); });

    auto& key_verb = add_service_verb(
        noun, context, "regenerate-key",
        "Make a new key; what was signed with the old one is refused at once. To roll keys without a gap, let\n"
        "everyone change to the secondary key, make a new primary one, and so on",
        "  muster policy regenerate-key helpdesk --key secondary\n");
    auto rolled = std::make_shared<Chosen>();
    add_name(key_verb, rolled->name);
    add_choice(key_verb, "-k,--key", rolled->key, {"primary", "secondary"}, "which of the two")->required();
    key_verb.callback([&context, rolled] { context.finish(regenerate(context, rolled->name, rolled->key)); });
}

}  // namespace muster::cli
