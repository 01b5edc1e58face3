// `iotedge support-bundle` (facts/device.md 7.1): what helps to find out what is wrong with a device, without its
// secrets.
#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "base/version.h"
#include "commands.h"
#include "edge/check/checks.h"
#include "edge/check/report.h"
#include "edge/support/redact.h"
#include "edge/support/zip_file.h"
#include "services.h"
#include "time_argument.h"

namespace muster::iotedge {
namespace {

using edge::support::Redactor;
using edge::support::ZipFile;

struct TextFile {
    std::string name;  // in the bundle
    std::string content;
};

constexpr std::string_view services_with_files[] = {"keyd", "certd", "identityd", "tpmd", "edged"};

// The super-config, the services' files, and what administrators put beside those. A service's user may write to its
// directory: what a link there points to is not for him to choose.
std::vector<TextFile> configurations(const edge::Paths& paths) {
    std::vector<TextFile> out;
    const auto add = [&](const std::filesystem::path& file, std::string name) {
        if (auto text = read_file(file)) out.push_back({std::move(name), std::move(*text)});
    };
    add(paths.super_config(), "config/config.toml");
    for (const auto service : services_with_files) {
        std::error_code error;
        for (const auto& entry : std::filesystem::directory_iterator(paths.config_directory(service), error))
            if (std::filesystem::is_regular_file(entry.symlink_status(error)))
                add(entry.path(), fmt::format("config/{}/{}", service, entry.path().filename().string()));
    }
    std::ranges::sort(out, {}, &TextFile::name);
    return out;
}

// Learns what the files of symmetric keys hold: keyd's own keys, and that of the configuration.
void learn_key_files(const edge::Paths& paths, Redactor& redactor) {
    for (const auto& directory : {paths.secrets_directory(), paths.state_directory(edge::Service::keyd) / "keys"}) {
        std::error_code error;
        for (std::filesystem::recursive_directory_iterator at(directory, error), end; !error && at != end;
             at.increment(error))
            if (at->is_regular_file(error))
                if (const auto bytes = read_file(at->path(), 64 * 1024)) redactor.learn(*bytes);
    }
}

std::string check_json(const edge::Paths& paths, const BundleArguments& arguments) {
    const SystemClock clock;
    edge::checks::Options options;
    options.iothub_hostname = arguments.iothub_hostname;
    const auto all = edge::checks::run(paths, options, clock, [](const auto&) {});
    return pretty(edge::checks::to_json(all, clock)) + "\n";
}

std::string describe(const BundleArguments& arguments, TimePoint since, TimePoint until) {
    return fmt::format("iotedge {}\nlogs from {} to {}\nsecrets are replaced by {}\n{}", version(),
                       format_utc_seconds(since), format_utc_seconds(until), edge::support::removed,
                       arguments.runtime_only ? "" : "there are no modules here whose logs could be in it\n");
}

// support_bundle_2026_11_26_17_05_00_UTC.zip
std::string usual_name(TimePoint now) {
    auto text = format_utc_seconds(now).substr(0, 19);
    std::ranges::replace_if(text, [](char c) { return c == '-' || c == ':' || c == 'T'; }, '_');
    return fmt::format("support_bundle_{}_UTC.zip", text);
}

Result<> fill(ZipFile& zip, const edge::Paths& paths, const BundleArguments& arguments, TimePoint since,
              TimePoint until) {
    const auto now = SystemClock().now();
    Redactor redactor;
    const auto files = configurations(paths);
    for (const auto& file : files) redactor.learn_from_configuration(file.content);
    learn_key_files(paths, redactor);
    MUSTER_CHECK(zip.add("about.txt", describe(arguments, since, until), now));
    MUSTER_CHECK(zip.add("check.json", redactor.clean(check_json(paths, arguments)), now));
    for (const auto& file : files) MUSTER_CHECK(zip.add(file.name, redactor.clean_configuration(file.content), now));
    const auto services = find_services(paths);
    for (const auto& name : service_names()) {
        const auto log = services->log_of(name, since, until);
        const auto text = log ? *log : fmt::format("the log cannot be had: {}\n", log.error().chain());
        MUSTER_CHECK(zip.add(fmt::format("logs/{}.txt", name), redactor.clean(text), now));
    }
    return {};
}

Result<> print_file(const std::filesystem::path& path) {
    MUSTER_TRY(const auto content, read_file(path, 1024 * 1024 * 1024));
    if (std::fwrite(content.data(), 1, content.size(), stdout) != content.size() || std::fflush(stdout) != 0)
        return fail(Errc::io, "cannot write to standard output");
    return {};
}

Result<> make(const edge::Paths& paths, const BundleArguments& arguments, const std::filesystem::path& file) {
    MUSTER_TRY(const auto since, parse_time("--since", arguments.since));
    const auto now = SystemClock().now();
    auto until = now;
    if (!arguments.until.empty()) {
        MUSTER_TRY(until, parse_time("--until", arguments.until));
    }
    if (until < since) return fail(Errc::invalid_argument, "--until is before --since");
    MUSTER_TRY(auto zip, ZipFile::create(file));
    MUSTER_CHECK(fill(zip, paths, arguments, since, until));
    return zip.finish();
}

// By way of a file in a directory of our own: an archive is not written from front to end.
Result<> print(const edge::Paths& paths, const BundleArguments& arguments) {
    auto directory = (std::filesystem::temp_directory_path() / "support_bundle.XXXXXX").string();
    if (::mkdtemp(directory.data()) == nullptr)
        return fail(errno_error(fmt::format("cannot make a directory {}", directory), errno));
    const auto file = std::filesystem::path(directory) / "bundle.zip";
    auto made = make(paths, arguments, file);
    if (made) made = print_file(file);
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
    return made;
}

}  // namespace

int support_bundle(const edge::Paths& paths, const BundleArguments& arguments) {
    log::start(log::Level::error, log::Format::human);
    warn_without_root(paths);
    const bool to_output = arguments.output == "-";
    const auto name = usual_name(SystemClock().now());
    const std::filesystem::path file = arguments.output.empty() ? name : arguments.output;
    auto made = to_output ? print(paths, arguments) : make(paths, arguments, file);
    if (!made) return report(made.error().wrap("there is no support bundle"));
    if (!to_output && !arguments.quiet) {
        std::error_code ignored;
        fmt::print("Created support bundle at {}\n", std::filesystem::absolute(file, ignored).string());
    }
    return done;
}

}  // namespace muster::iotedge
