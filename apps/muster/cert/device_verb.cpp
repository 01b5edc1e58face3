// `muster cert device`: the identities with which devices register; one, several, or a fleet.
#include <set>

#include "base/text.h"
#include "muster/cert/run.h"
#include "muster/command.h"

namespace muster::cli::cert {
namespace {

constexpr int device_days = 365;

struct DeviceOptions : MakeOptions {
    std::vector<std::string> names;
    std::size_t count = 0;
    std::string prefix;
    std::size_t start = 1;
    std::size_t digits = 0;
};

// DPS: letters, digits and "-._:"; the last one a letter, a digit or a dash.
bool is_registration_id(std::string_view name) {
    const auto alphanumeric = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    };
    return !name.empty() && (alphanumeric(name.back()) || name.back() == '-') &&
           std::ranges::all_of(name, [&](char c) { return alphanumeric(c) || std::string_view("-._:").contains(c); });
}

void check_usage(const DeviceOptions& options) {
    if (options.names.empty() == (options.count == 0)) {
        wrong_usage("name the devices, or say --count N --prefix P: one of the two is needed");
    }
    if (options.count > 0 && options.prefix.empty()) wrong_usage("--count needs --prefix: what the names begin with");
    if (options.count == 0 && !options.prefix.empty()) wrong_usage("--prefix needs --count: how many to make");
    if (!options.common_name.empty() && options.names.size() != 1) wrong_usage("--cn is for a single NAME");
    if (options.force && options.resume) wrong_usage("--force and --resume exclude each other");
    std::set<std::string> seen;
    for (const auto& name : options.names) {
        if (!seen.insert(name).second) wrong_usage(fmt::format("\"{}\" is named twice", printable(name)));
    }
}

std::string fleet_name(const DeviceOptions& options, std::size_t number) {
    const std::size_t last = options.start + options.count - 1;
    const std::size_t digits = options.digits > 0 ? options.digits : fmt::formatted_size("{}", last);
    return fmt::format("{}{:0{}}", options.prefix, options.start + number, digits);
}

Subject subject_of(const DeviceOptions& options, std::size_t number) {
    const std::string name = options.count > 0 ? fleet_name(options, number) : options.names[number];
    Subject subject{device_prefix + name, options.common_name.empty() ? name : options.common_name, {}, {}};
    for (const auto& san : options.alternative_names) add_alternative_name(subject, san);
    return subject;
}

Result<> make(const DeviceOptions& options, const Io& io) {
    for (const auto& name : options.names) MUSTER_CHECK(check_file_name(name));
    if (options.count > 0) MUSTER_CHECK(check_file_name(options.prefix));
    const Fleet fleet{options.count > 0 ? options.count : options.names.size(),
                      [&options](std::size_t number) { return subject_of(options, number); }};
    const std::string first = fleet.subject(0).common_name;
    if (!is_registration_id(first)) {
        io.err(
            fmt::format("Note: \"{}\" cannot be a registration id (letters, digits, - . _ : and no punctuation at the "
                        "end), so this certificate cannot register.\n",
                        printable(first)));
    }
    return run_make(options, pki::Profile::client, false, fleet, io);
}

void add_fleet_options(CLI::App& verb, DeviceOptions& options) {
    constexpr std::int64_t most = 100'000'000;
    add_number(verb, "--count", options.count, 1, most, "how many to make, named by --prefix and a number");
    verb.add_option("--prefix", options.prefix, "what the names of a fleet begin with")->type_name("TEXT");
    add_number(verb, "--start", options.start, 0, most, "the first number; default 1");
    add_number(verb, "--digits", options.digits, 1, 12,
               "digits of the numbers, with leading zeros; default: those of the last");
    verb.add_flag("--resume", options.resume, "make only what is missing, after a run that was interrupted");
}

}  // namespace

void add_device_verb(CLI::App& noun, const Surroundings& around) {
    auto& verb = add_verb(noun, "device", "Make device identities: CN = registration id, for TLS clients",
                          "  muster cert device dev-1 dev-2\n"
                          "  muster cert device --count 10000 --prefix pump-    # pump-00001 to pump-10000\n"
                          "  muster cert device dev-1 --key rsa:2048 --pfx\n");
    auto options = std::make_shared<DeviceOptions>();
    verb.add_option("NAME", options->names, "the device; also its CN and a part of the file names");
    add_make_options(verb, *options, device_days);
    add_common_name_option(verb, *options, "a CN other than NAME");
    add_alternative_names_option(verb, *options);
    add_authority_options(verb, *options, "intermediate");
    add_pfx_options(verb, *options);
    add_fleet_options(verb, *options);
    verb.callback([options, around] {
        check_usage(*options);
        around.finish(make(*options, around.io));
    });
}

}  // namespace muster::cli::cert
