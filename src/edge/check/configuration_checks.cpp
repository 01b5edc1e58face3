// Are the services' settings what they should be?
#include <unistd.h>

#include "base/version.h"
#include "edge/check/device.h"
#include "edge/config/apply.h"
#include "edge/config/values.h"
#include "edge/tpmd/settings.h"

namespace muster::edge::checks {
namespace {

template <class Settings>
Outcome well_formed(const Result<Settings>& settings) {
    if (settings) return Outcome::ok();
    if (settings.error().code() == Errc::not_found)
        return Outcome::error("there are no settings: " + settings.error().chain(), "iotedge config apply");
    return Outcome::failed(settings.error());
}

Outcome keyd_well_formed(Device& device) {
    return well_formed(device.keyd());
}

Outcome certd_well_formed(Device& device) {
    return well_formed(device.certd());
}

Outcome identityd_well_formed(Device& device) {
    return well_formed(device.identityd());
}

Outcome tpmd_well_formed(Device& device) {
    return well_formed(tpmd::Settings::load(device.paths));
}

// edged itself is not in this version; its file travels with the others.
Outcome edged_well_formed(Device& device) {
    const SettingsFiles files{device.paths.under("/etc/aziot/edged/config.toml"),
                              device.paths.config_directory("edged")};
    return well_formed(load_settings(files));
}

Outcome up_to_date(Device& device, const std::vector<std::string_view>& services) {
    const auto source = device.paths.super_config();
    std::error_code error;
    const auto changed = std::filesystem::last_write_time(source, error);
    if (error)
        return Outcome::ignored(
            fmt::format("there is no {}: the services are configured in another way", source.string()));
    for (const auto service : services) {
        const auto file = device.paths.generated_config(service);
        const auto written = std::filesystem::last_write_time(file, error);
        if (error == std::errc::permission_denied)
            return Outcome::error(fmt::format("this user may not look for {}", file.string()), "sudo iotedge check");
        if (error)
            return Outcome::error(fmt::format("{} was never applied: there is no {}", source.string(), file.string()),
                                  "iotedge config apply");
        if (changed > written)
            return Outcome::warning(
                fmt::format("{} has changed since it was applied ({} is older)", source.string(), file.string()),
                "iotedge config apply");
    }
    return Outcome::ok();
}

// What an upgrade brings may have to be written into the services' files: the renewal of the edge CA, for one.
Outcome as_this_version_writes_them(Device& device) {
    const auto source = device.paths.super_config();
    const auto differing = files_of_another_version(device.paths, source);
    if (!differing) return Outcome::warning(differing.error().chain(), "iotedge config apply --check");
    auto all = Outcome::ok();
    for (const auto& file : *differing)
        all.add(
            Outcome::warning(fmt::format("{} is not what this version makes of {}: it was written by another one, or "
                                         "changed since",
                                         file.string(), source.string()),
                             "iotedge config apply"));
    return all;
}

Outcome configs_up_to_date(Device& device) {
    auto outcome = up_to_date(device, {"keyd", "certd", "identityd", "tpmd"});
    return outcome.kind == Outcome::Kind::ok ? as_this_version_writes_them(device) : outcome;
}

Outcome edged_up_to_date(Device& device) {
    return up_to_date(device, {"edged"});
}

Outcome hostname(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return needs("identityd's configuration");
    const auto& name = settings->hostname;
    if (const auto wrong = check_hostname(name))
        return Outcome::error(fmt::format("the hostname \"{}\" {}", name, *wrong),
                              "correct hostname in /etc/aziot/config.toml, then run: iotedge config apply");
    char own[256] = {};
    if (::gethostname(own, sizeof own - 1) != 0 || own == name) return Outcome::ok();
    return Outcome::warning(
        fmt::format("the configuration says \"{}\", the operating system \"{}\"", name, own),
        fmt::format("hostnamectl set-hostname {}, or correct hostname in /etc/aziot/config.toml", name));
}

Outcome parent_hostname(Device& device) {
    const auto& settings = device.identityd();
    if (!settings) return needs("identityd's configuration");
    if (!settings->gateway) return Outcome::ignored("the device is not nested: it has no parent_hostname");
    const auto name = std::string_view(*settings->gateway).substr(0, settings->gateway->find(':'));
    if (const auto wrong = check_hostname(name))
        return Outcome::error(fmt::format("the parent's name \"{}\" {}", name, *wrong),
                              "correct parent_hostname in /etc/aziot/config.toml, then run: iotedge config apply");
    return Outcome::ok();
}

// Nobody is asked: a device need not reach the internet, and a version is newest where its operator says so.
Outcome runtime_version(Device& device) {
    const auto own = std::string(version());
    const auto& expected = device.options.expected_version;
    if (expected.empty() || expected == own) return Outcome::ok(fmt::format("this is Muster {}", own));
    return Outcome::warning(fmt::format("this is Muster {}, and {} was expected", own, expected),
                            "install the expected version of muster-edge");
}

}  // namespace

std::vector<Check> configuration_checks() {
    return {
        {"keyd-config-well-formed", "keyd configuration is well-formed", keyd_well_formed},
        {"certd-config-well-formed", "certd configuration is well-formed", certd_well_formed},
        {"tpmd-config-well-formed", "tpmd configuration is well-formed", tpmd_well_formed},
        {"identityd-config-well-formed", "identityd configuration is well-formed", identityd_well_formed},
        {"aziot-edged-config-well-formed", "aziot-edged configuration is well-formed", edged_well_formed},
        {"configs-up-to-date", "daemon configurations up-to-date with config.toml", configs_up_to_date},
        {"config-up-to-date", "configuration up-to-date with config.toml", edged_up_to_date},
        {"hostname", "identityd config toml file specifies a valid hostname", hostname},
        {"parent_hostname", "configuration has correct parent_hostname", parent_hostname},
        {"aziot-version", "aziot-identity-service package is up-to-date", runtime_version},
    };
}

}  // namespace muster::edge::checks
