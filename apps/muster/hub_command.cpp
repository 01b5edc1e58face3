// `muster hub`: the hubs that devices are sent to, and how one is chosen.
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/text.h"
#include "muster/certificate_files.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "wire/sas.h"

namespace muster::cli {
namespace {

constexpr std::size_t longest_input = 64 * 1024;

// Empty means not given.
struct LinkOptions {
    std::string name;
    std::string connection_string;  // "@FILE", "@-"
    std::string address;
    std::string ca_file;
    std::string location;
    std::string weight;
    std::string allocates;
    std::vector<std::string> latencies;  // "NETWORK=MILLISECONDS"
    std::string etag;
    bool force = false;

    bool changes_something() const {
        return !connection_string.empty() || !address.empty() || !ca_file.empty() || !location.empty() ||
               !weight.empty() || !allocates.empty() || !latencies.empty();
    }
};

Call call_of(const char* verb, const char* method, const std::string& name) {
    return {.what = fmt::format("{} hub '{}'", verb, name),
            .method = method,
            .path = fmt::format("/iotHubs/{}", percent_encode(name))};
}

Result<std::string> read_standard_input() {
    std::string text;
    char buffer[4096];
    for (;;) {
        const auto count = ::read(STDIN_FILENO, buffer, sizeof buffer);
        if (count < 0) return fail(errno_error("cannot read standard input", errno));
        if (count == 0) return text;
        text.append(buffer, static_cast<std::size_t>(count));
        if (text.size() > longest_input)
            return fail(Errc::too_large, "standard input holds more than a connection string");
    }
}

// It holds a key, so it comes from a file or from standard input. What is wrong with it is told of that, before the
// service sees it.
Result<std::string> read_connection_string(const std::string& argument) {
    const auto source = argument == "@-" ? std::string("standard input") : argument.substr(1);
    auto text = argument == "@-" ? read_standard_input() : read_file(source);
    if (!text) return text;
    std::string connection(trim(*text));
    if (auto parsed = wire::ConnectionString::parse(connection); !parsed)
        return fail(parsed.error()
                        .wrap(fmt::format("{} holds no connection string of a hub", source))
                        .with_hint("On that hub's server: muster connection-string --policy iothubowner"));
    return connection;
}

std::string check_source(const std::string& argument) {
    if (argument.size() > 1 && argument.starts_with('@')) return {};
    return "it holds a key: write @FILE, or @- for standard input";
}

Result<> add_latencies(const std::vector<std::string>& given, json::object& body) {
    json::array rules;
    for (const auto& text : given) {
        const auto equals = text.find('=');
        const auto milliseconds =
            equals == std::string::npos ? std::nullopt : parse_integer<std::int64_t>(text.substr(equals + 1));
        if (!milliseconds)
            return fail(Errc::invalid_argument, "'{}' is no latency: write NETWORK=MILLISECONDS, as in 10.1.0.0/16=5",
                        printable(text));
        rules.push_back(json::object{{"network", text.substr(0, equals)}, {"milliseconds", *milliseconds}});
    }
    if (!given.empty()) body["latencies"] = std::move(rules);
    return {};
}

// What was given, laid over what the service has.
Result<> apply(const LinkOptions& options, json::object& body) {
    if (!options.address.empty()) body["address"] = options.address;
    if (!options.location.empty()) body["location"] = options.location;
    if (!options.weight.empty()) body["allocationWeight"] = *parse_integer<std::int64_t>(options.weight);
    if (!options.allocates.empty()) body["applyAllocationPolicy"] = options.allocates == "true";
    if (!options.ca_file.empty()) {
        MUSTER_TRY(body["caCertificate"], read_certificates_as_pem(options.ca_file));
    }
    return add_latencies(options.latencies, body);
}

std::string yes_or_no(const json::object& hub, std::string_view member) {
    return text_at(hub, member) == "true" ? "yes" : "no";
}

std::string state_text(const json::object& hub) {
    return text_at(hub, "builtIn") == "true" ? "built in" : text_at(hub, "state.status");
}

std::string round_trip(const json::object& state) {
    const auto microseconds = parse_integer<std::int64_t>(text_at(state, "latencyMicroseconds"));
    return microseconds ? fmt::format("{:.1f} ms", static_cast<double>(*microseconds) / 1000) : std::string();
}

std::string latencies_text(const json::object& hub) {
    std::string text;
    const auto* rules = find_member(hub, "latencies");
    if (rules == nullptr || !rules->is_array()) return text;
    for (const auto& rule : rules->as_array()) {
        if (!rule.is_object()) continue;
        text += text.empty() ? "" : ", ";
        text += fmt::format("{}={}", text_at(rule.as_object(), "network"), text_at(rule.as_object(), "milliseconds"));
    }
    return text;
}

void print_hub(const Context& context, const json::object& hub) {
    FactSheet facts;
    facts.add("Name", string_or(hub, "name"));
    facts.add("State", state_text(hub));
    if (const auto* state = object_at(hub, "state"); state != nullptr) {
        facts.add("Since", long_time(*state, "sinceUtc", context.io.now));
        facts.add("Problem", string_or(*state, "problem"));
        facts.add("Round trip", round_trip(*state));
        facts.add("Waiting for it", text_at(*state, "waiting"));
    }
    facts.add("Address", string_or(hub, "address"));
    facts.add("Connection", string_or(hub, "connectionString"));
    facts.add("Own CA", find_member(hub, "caCertificate") != nullptr ? "yes" : "");
    facts.add("Location", string_or(hub, "location"));
    facts.add("Takes part", yes_or_no(hub, "applyAllocationPolicy"));
    facts.add("Weight", text_at(hub, "allocationWeight"));
    facts.add("Latencies (ms)", latencies_text(hub));
    facts.add("ETag", string_or(hub, "etag"));
    facts.print(context.io);
}

Result<> send(Context& context, ServiceClient& client, Call call, bool force) {
    if (force) call.path += "?untried=true";
    MUSTER_TRY(const auto hub, client.call_object(call));
    context.json() ? print_json(context, hub) : print_hub(context, hub);
    return {};
}

Result<> link(Context& context, const LinkOptions& options) {
    MUSTER_TRY(const auto text, read_connection_string(options.connection_string));
    MUSTER_TRY(const auto connection, wire::ConnectionString::parse(text));
    const auto name = connection.host.substr(0, connection.host.find(':'));
    MUSTER_TRY(auto client, context.connect());
    const auto existing = client.call(call_of("link", "GET", name));
    if (existing)
        return fail(Error(Errc::already_exists, fmt::format("hub '{}' is linked already", name))
                        .with_hint(fmt::format("Change the link: muster hub update {}", name)));
    if (existing.error().code() != Errc::not_found) return fail(existing.error());
    json::object body{{"connectionString", text}};
    MUSTER_CHECK(apply(options, body));
    auto call = call_of("link", "PUT", name);
    call.body = std::move(body);
    return send(context, client, std::move(call), options.force);
}

Result<> update(Context& context, const LinkOptions& options) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(auto body, client.call_object(call_of("update", "GET", options.name)));
    auto call = call_of("update", "PUT", options.name);
    call.if_match = options.etag.empty() ? string_or(body, "etag") : options.etag;
    if (!options.connection_string.empty()) {
        MUSTER_TRY(body["connectionString"], read_connection_string(options.connection_string));
    }
    MUSTER_CHECK(apply(options, body));
    call.body = std::move(body);
    return send(context, client, std::move(call), options.force);
}

Result<> list(Context& context) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto answer, client.call_object({.what = "list the hubs", .path = "/iotHubs"}));
    if (context.json()) {
        print_json(context, answer);
        return {};
    }
    Table table({{"NAME", ColumnKind::id},
                 {"STATE", ColumnKind::word},
                 {"TAKES PART", ColumnKind::word},
                 {"WEIGHT", ColumnKind::word},
                 {"WAITING", ColumnKind::word},
                 {"LOCATION"},
                 {"PROBLEM"}},
                context.io.columns, context.io.out);
    const auto* hubs = find_member(answer, "value");
    if (hubs == nullptr || !hubs->is_array()) return {};
    for (const auto& entry : hubs->as_array()) {
        if (!entry.is_object()) continue;
        const auto& hub = entry.as_object();
        table.add({string_or(hub, "name"), state_text(hub), yes_or_no(hub, "applyAllocationPolicy"),
                   text_at(hub, "allocationWeight"), text_at(hub, "state.waiting"), string_or(hub, "location"),
                   text_at(hub, "state.problem")});
    }
    table.finish();
    return {};
}

Result<> show(Context& context, const std::string& name) {
    return show_answer(context, call_of("show", "GET", name), print_hub);
}

Result<> unlink(Context& context, const std::string& name, const std::string& etag) {
    auto call = call_of("unlink", "DELETE", name);
    call.if_match = etag;
    return send_deletion(context, call, fmt::format("Unlinked hub '{}'. Its devices stay there.", name));
}

Result<> default_policy(Context& context, const std::string& policy) {
    MUSTER_TRY(auto client, context.connect());
    Call call{.what = "read the allocation policy", .path = "/allocationPolicy"};
    if (!policy.empty()) {
        call.what = "set the allocation policy";
        call.method = "PUT";
        call.body = json::object{{"allocationPolicy", policy}};
    }
    MUSTER_TRY(const auto answer, client.call_object(call));
    if (context.json()) {
        print_json(context, answer);
    } else {
        context.io.out(string_or(answer, "allocationPolicy") + "\n");
    }
    return {};
}

void add_name(CLI::App& verb, std::string& name) {
    verb.add_option("NAME", name, "host name of the hub")->required()->type_name("");
}

void add_link_options(CLI::App& verb, LinkOptions& options) {
    verb.add_option(
            "--address", options.address,
            "where to connect when that is not the hub's own name: HOST:PORT; its certificate must still be the "
            "name's")
        ->type_name("HOST:PORT");
    add_file(verb, "--hub-ca", options.ca_file,
             "CA that the hub's certificate may chain to besides the operating system's (PEM)");
    verb.add_option("--location", options.location, "where it stands, for people")->type_name("TEXT");
    add_number(verb, "--allocation-weight", options.weight, 1, 1000,
               "its share of the devices among others: 1 to 1000; default 1");
    add_choice(verb, "--apply-allocation-policy", options.allocates, {"true", "false"},
               "whether it takes part where an enrollment names no hubs; default true");
    verb.add_option("--latency", options.latencies,
                    "how far it is from the devices of a network: NETWORK=MILLISECONDS, * for all devices; repeat it")
        ->type_name("RULE")
        ->allow_extra_args(false);
    verb.add_flag("--force", options.force, "without trying whether the hub answers and takes the credentials");
}

void add_source(CLI::App& verb, LinkOptions& options, bool required) {
    auto* option = verb.add_option("--hub-connection-string,--hcs", options.connection_string,
                                   "the hub's connection string with a policy that may read and write its registry and "
                                   "connect to it (iothubowner), in a file or from standard input")
                       ->check(check_source, "", "")
                       ->type_name("@FILE|@-");
    if (required) option->required();
}

}  // namespace

void add_hub_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "hub", "The hubs that devices are sent to, and how one is chosen");

    auto& link_verb = add_service_verb(
        noun, context, "link", "Link a hub: another musterd, or an IoT Hub of Azure",
        "  muster hub link --hub-connection-string @plant-2.txt --hub-ca plant-2-ca.pem\n"
        "  ssh plant-2 muster connection-string --policy iothubowner | muster hub link --hcs @- --location Bergen\n");
    auto linked = std::make_shared<LinkOptions>();
    add_source(link_verb, *linked, true);
    add_link_options(link_verb, *linked);
    link_verb.callback([&context, linked] { context.finish(link(context, *linked)); });

    auto& update_verb = add_service_verb(
        noun, context, "update", "Change a link; of the service's own hub, how devices are allocated to it",
        "  muster hub update plant-2.example --allocation-weight 3\n"
        "  muster hub update plant-2.example --hub-connection-string @new-key.txt\n"
        "  muster hub update plant-2.example --latency 10.2.0.0/16=3 --latency '*=40'\n");
    auto updated = std::make_shared<LinkOptions>();
    add_name(update_verb, updated->name);
    add_source(update_verb, *updated, false);
    add_link_options(update_verb, *updated);
    add_etag(update_verb, updated->etag, "change");
    update_verb.callback([&context, updated] {
        if (!updated->changes_something()) wrong_usage("nothing to change was given");
        context.finish(update(context, *updated));
    });

    auto& list_verb = add_service_verb(noun, context, "list", "List the hubs", "  muster hub list\n");
    list_verb.callback([&context] { context.finish(list(context)); });

    auto& show_verb = add_service_verb(noun, context, "show", "Show a hub", "  muster hub show plant-2.example\n");
    auto shown = std::make_shared<std::string>();
    add_name(show_verb, *shown);
    show_verb.callback([&context, shown] { context.finish(show(context, *shown)); });

    auto& unlink_verb = add_service_verb(noun, context, "unlink", "Send no devices to a hub any more",
                                         "  muster hub unlink plant-2.example\n");
    auto gone = std::make_shared<LinkOptions>();
    add_name(unlink_verb, gone->name);
    add_etag(unlink_verb, gone->etag, "unlink");
    unlink_verb.callback([&context, gone] { context.finish(unlink(context, gone->name, gone->etag)); });

    auto& policy_verb = add_service_verb(
        noun, context, "allocation-policy", "Show or set how a hub is chosen for enrollments that do not say",
        "  muster hub allocation-policy\n  muster hub allocation-policy --set geoLatency\n");
    auto policy = std::make_shared<std::string>();
    add_choice(policy_verb, "--set", *policy, {"hashed", "geoLatency", "static"}, "the new policy");
    policy_verb.callback([&context, policy] { context.finish(default_policy(context, *policy)); });
}

}  // namespace muster::cli
