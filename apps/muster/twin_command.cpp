// `muster twin`: what is wanted of a device or module, and what it reports.
#include "base/bytes.h"
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

// The service keeps a time stamp for each property; people look for the values.
json::value without_metadata(const json::object& section) {
    json::object values = section;
    values.erase("$metadata");
    values.erase("$version");
    return values;
}

void print_section(const Context& context, const char* title, const json::object* section) {
    if (section == nullptr) return;
    const auto version = text_at(*section, "$version");
    context.io.out(fmt::format("\n{}{}\n{}\n", title, version.empty() ? "" : fmt::format(" (version {})", version),
                               pretty(without_metadata(*section))));
}

void print_twin(const Context& context, const json::object& twin) {
    const auto now = context.io.now;
    FactSheet facts;
    facts.add("Device id", string_or(twin, "deviceId"));
    facts.add("Module id", string_or(twin, "moduleId"));
    facts.add("Status", string_or(twin, "status"));
    facts.add("IoT Edge", text_at(twin, "capabilities.iotEdge") == "true" ? "yes" : "");
    facts.add("Connection", string_or(twin, "connectionState"));
    facts.add("Last activity", long_time(twin, "lastActivityTime", now));
    facts.add("Version", text_at(twin, "version"));
    facts.add("ETag", string_or(twin, "etag"));
    facts.print(context.io);
    print_section(context, "Tags", object_at(twin, "tags"));
    print_section(context, "Desired properties", object_at(twin, "properties.desired"));
    print_section(context, "Reported properties", object_at(twin, "properties.reported"));
}

Result<> show(Context& context, const std::string& device, const std::string& module) {
    Call call{.what = fmt::format("show the twin of device '{}'", device),
              .path = fmt::format("/twins/{}", percent_encode(device)),
              .api_version = hub_api,
              .not_found_hint = "`muster device list` shows the devices there are."};
    if (!module.empty()) {
        call.what = fmt::format("show the twin of module '{}' of device '{}'", module, device);
        call.path += fmt::format("/modules/{}", percent_encode(module));
        call.not_found_hint = fmt::format("`muster module list {}` shows the modules there are.", device);
    }
    return show_answer(context, call, print_twin);
}

}  // namespace

void add_twin_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "twin", "Twins: what is wanted of a device, and what it reports");
    auto& verb = add_service_verb(noun, context, "show", "Show the twin of a device or of one of its modules",
                                  "  muster twin show dev-1\n"
                                  "  muster twin show dev-1 --module '$edgeAgent' --output json\n");
    auto device = std::make_shared<std::string>();
    auto module = std::make_shared<std::string>();
    add_device_id(verb, "DEVICE", *device, "device id");
    verb.add_option("-m,--module", *module, "module id")->type_name("ID");
    verb.callback([&context, device, module] { context.finish(show(context, *device, *module)); });
}

}  // namespace muster::cli
