// `muster module`: the module identities of a device.
#include "base/bytes.h"
#include "muster/command.h"
#include "muster/commands.h"

namespace muster::cli {
namespace {

ListView list_view(const Context& context, const std::string& device) {
    const auto now = context.io.now;
    return {{{"MODULE ID", ColumnKind::id},
             {"AUTHENTICATION"},
             {"MANAGED BY", ColumnKind::word},
             {"CONNECTION", ColumnKind::word},
             {"LAST ACTIVITY", ColumnKind::word}},
            [now](const json::object& module) -> std::vector<std::string> {
                return {string_or(module, "moduleId"), text_at(module, "authentication.type"),
                        string_or(module, "managedBy"), string_or(module, "connectionState"),
                        short_time(module, "lastActivityTime", now)};
            },
            fmt::format("Device '{}' has no modules.", device)};
}

Result<> list(Context& context, const std::string& device) {
    Listing listing;
    listing.call = {.what = fmt::format("list the modules of device '{}'", device),
                    .path = fmt::format("/devices/{}/modules", percent_encode(device)),
                    .api_version = hub_api,
                    .not_found_hint = "`muster device list` shows the devices there are."};
    MUSTER_TRY(auto client, context.connect());
    return print_listing(context, client, listing, list_view(context, device));
}

}  // namespace

void add_module_command(CLI::App& app, Context& context) {
    auto& noun = add_noun(app, "module", "Modules: the identities below a device");
    auto& verb =
        add_service_verb(noun, context, "list", "List the modules of a device", "  muster module list dev-1\n");
    auto device = std::make_shared<std::string>();
    add_device_id(verb, "DEVICE", *device, "device id");
    verb.callback([&context, device] { context.finish(list(context, *device)); });
}

}  // namespace muster::cli
