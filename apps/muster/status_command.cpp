// `muster status`: the service on one screen.
#include "base/text.h"
#include "muster/command.h"
#include "muster/commands.h"
#include "muster/enrollment_view.h"

namespace muster::cli {
namespace {

std::string uptime(const json::object& status, TimePoint now) {
    auto text = long_time(status, "startedUtc", now);
    return text.empty() ? text : "since " + text;
}

// "2 assigned, 1 failed"; states without a registration are left out.
std::string registration_counts(const json::object& status) {
    const auto* states = object_at(status, "counts.registrations");
    if (states == nullptr) return text_at(status, "counts.registrations");
    std::vector<std::string> parts;
    for (const auto& [state, count] : *states) {
        const auto number = json::serialize(count);
        if (number != "0") parts.push_back(fmt::format("{} {}", number, std::string_view(state.data(), state.size())));
    }
    return parts.empty() ? "0" : join(parts, ", ");
}

std::string counted(const json::object& status, std::string_view path, std::string_view noun) {
    const auto number = text_at(status, path);
    return fmt::format("{} {}{}", number, noun, number == "1" ? "" : "s");
}

std::string listeners(const json::object& status) {
    std::vector<std::string> parts;
    if (const auto* list = object_at(status, "listeners")) {
        for (const auto& [protocol, address] : *list) {
            if (!address.is_string()) continue;
            parts.push_back(fmt::format("{} {}", std::string_view(protocol.data(), protocol.size()),
                                        std::string_view(address.as_string())));
        }
    }
    return join(parts, ", ");
}

// "plant-2 reachable, plant-3 unreachable with 12 waiting"
std::string linked_hubs(const json::object& status) {
    std::vector<std::string> parts;
    const auto* hubs = find_member(status, "linkedHubs");
    if (hubs == nullptr || !hubs->is_array()) return {};
    for (const auto& entry : hubs->as_array()) {
        if (!entry.is_object()) continue;
        const auto waiting = text_at(entry.as_object(), "state.waiting");
        parts.push_back(fmt::format("{} {}{}", string_or(entry.as_object(), "name"),
                                    text_at(entry.as_object(), "state.status"),
                                    waiting == "0" || waiting.empty() ? "" : fmt::format(" with {} waiting", waiting)));
    }
    return join(parts, ", ");
}

void print_last_registrations(const Context& context, const json::object& status) {
    const auto* last = find_member(status, "lastRegistrations");
    if (last == nullptr || !last->is_array() || last->as_array().empty()) return;
    context.io.out("\nLast registrations\n");
    const auto view = registration_list_view(context);
    Table table(view.columns, context.io.columns, context.io.out);
    for (const auto& registration : last->as_array()) {
        if (registration.is_object()) table.add(view.row(registration.as_object()));
    }
    table.finish();
}

void print_status(const Context& context, const json::object& status) {
    FactSheet facts;
    facts.add("Service", fmt::format("musterd {} at {}", string_or(status, "version"), string_or(status, "hostName")));
    facts.add("ID scope", string_or(status, "idScope"));
    facts.add("Running", uptime(status, context.io.now));
    facts.add("Listening", listeners(status));
    facts.add("Store", text_at(status, "store.description"));
    facts.add("Enrollments", fmt::format("{} individual, {}", text_at(status, "counts.enrollments"),
                                         counted(status, "counts.enrollmentGroups", "group")));
    facts.add("Registrations", registration_counts(status));
    facts.add("Linked hubs", linked_hubs(status));
    facts.add("Devices", fmt::format("{}, with {}", text_at(status, "counts.devices"),
                                     counted(status, "counts.modules", "module")));
    facts.print(context.io);
    print_last_registrations(context, status);
}

Result<> show(Context& context) {
    MUSTER_TRY(auto client, context.connect());
    MUSTER_TRY(const auto status,
               client.call_object(
                   {.what = "show the status of the service", .path = "/muster/status", .api_version = muster_api}));
    context.json() ? print_json(context, status) : print_status(context, status);
    return {};
}

}  // namespace

void add_status_command(CLI::App& app, Context& context) {
    auto& verb = add_service_verb(app, context, "status",
                                  "The service on one screen: scope, endpoints, counts, last registrations",
                                  "  muster status\n"
                                  "  muster status --output json | jq .counts\n");
    verb.callback([&context] { context.finish(show(context)); });
}

}  // namespace muster::cli
