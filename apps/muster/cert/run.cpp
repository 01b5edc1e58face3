#include "muster/cert/run.h"

#include "base/json.h"
#include "base/text.h"
#include "muster/cert/file_batch.h"
#include "muster/output.h"
#include "pki/direct_ec.h"

namespace muster::cli::cert {
namespace {

struct Report {
    const MakeOptions& options;
    const Fleet& fleet;
    const FleetResult& result;
    std::chrono::duration<double> took;
    TimePoint planned_end;
};

void print_one(const Report& report, const Made& made, const Io& io) {
    const pki::Certificate& certificate = made.certificate;
    const bool cut = certificate.not_after() + std::chrono::seconds(1) < report.planned_end;
    io.out(fmt::format("{}, valid until {}{}\n", printable(certificate.subject()),
                       format_utc_seconds(certificate.not_after()), cut ? " (as its issuer)" : ""));
    auto files = made.files;
    std::ranges::sort(files);  // puts what is wanted most, the full chain, first
    for (const auto& path : files) io.out(fmt::format("  {}\n", path.string()));
}

void print_many(const Report& report, const Io& io) {
    const FleetResult& result = report.result;
    const double rate = static_cast<double>(result.made) / std::max(report.took.count(), 1e-3);
    io.out(fmt::format("{} certificates made in {:.1f} s ({:.0f} per second)", result.made, report.took.count(), rate));
    io.out(result.kept == 0 ? "\n" : fmt::format("; {} complete already\n", result.kept));
    const Layout layout(report.options.directory);
    const auto chain_of = [&](std::size_t number) {
        return layout.chain(report.fleet.subject(number).prefix).string();
    };
    io.out(fmt::format("  {}\n", chain_of(0)));
    if (report.fleet.count > 2) io.out("  ...\n");
    if (report.fleet.count > 1) io.out(fmt::format("  {}\n", chain_of(report.fleet.count - 1)));
    io.out(fmt::format("  and their keys in {}\n", layout.private_keys().string()));
}

json::object to_json(const Made& made) {
    const pki::Certificate& certificate = made.certificate;
    json::array files;
    for (const auto& path : made.files) files.emplace_back(path.string());
    return {{"commonName", certificate.common_name()},
            {"subject", certificate.subject()},
            {"serialNumber", certificate.serial_hex()},
            {"notBefore", format_utc_seconds(certificate.not_before())},
            {"notAfter", format_utc_seconds(certificate.not_after())},
            {"sha1Thumbprint", certificate.sha1_thumbprint()},
            {"sha256Thumbprint", certificate.sha256_thumbprint()},
            {"files", std::move(files)}};
}

json::object to_json(const Report& report) {
    return {{"made", report.result.made},
            {"kept", report.result.kept},
            {"directory", report.options.directory},
            {"first", report.fleet.subject(0).common_name},
            {"last", report.fleet.subject(report.fleet.count - 1).common_name},
            {"seconds", report.took.count()}};
}

void print(const Report& report, const Io& io) {
    const bool one = report.fleet.count == 1 && report.result.last;
    if (report.options.json) {
        io.out(pretty(one ? to_json(*report.result.last) : to_json(report)) + "\n");
    } else if (one) {
        print_one(report, *report.result.last, io);
    } else {
        print_many(report, io);
    }
}

Result<> check_options(const MakeOptions& options) {
    if (!options.force || !options.resume) return {};
    return fail(Errc::invalid_argument, "--force and --resume exclude each other");
}

}  // namespace

Result<> run_make(const MakeOptions& options, pki::Profile profile, bool self_signed, const Fleet& fleet,
                  const Io& io) {
    MUSTER_CHECK(check_options(options));
    pki::use_direct_ec_keys();  // eight times as many certificates per second
    const Layout layout(options.directory);
    MUSTER_TRY(const auto key, pki::KeySpec::parse(options.key));
    MUSTER_TRY(const Secret pfx_passphrase,
               read_passphrase(options.pfx_passphrase_file, "MUSTER_PFX_PASSPHRASE", "1234"));
    std::optional<Authority> authority;
    if (!self_signed) {
        MUSTER_TRY(const Secret passphrase,
                   read_passphrase(options.authority_passphrase_file, "MUSTER_CA_PASSPHRASE", ""));
        MUSTER_TRY(authority, load_authority(layout, options.authority, passphrase.text(), io.now));
    }
    const Plan plan{.profile = profile,
                    .key = key,
                    .lifetime = std::chrono::days(options.days),
                    .path_length = options.path_length,
                    .authority = authority ? &*authority : nullptr,
                    .pfx = options.pfx,
                    .pfx_passphrase = &pfx_passphrase,
                    .existing = options.existing(),
                    .now = io.now};
    const Maker maker(layout, plan);
    MUSTER_CHECK(check_fleet(fleet, maker, plan.existing));
    MUSTER_CHECK(layout.make_directories());
    MUSTER_TRY(const auto lock, DirectoryLock::acquire(layout.private_keys()));
    for (const auto& directory : {layout.certs(), layout.private_keys(), layout.requests()})
        MUSTER_CHECK(remove_staged(directory));
    const auto start = std::chrono::steady_clock::now();
    MUSTER_TRY(const auto result, make_fleet(fleet, maker, plan.existing));
    print({options, fleet, result, std::chrono::steady_clock::now() - start, plan.now + plan.lifetime}, io);
    return {};
}

Result<> run_make(const MakeOptions& options, pki::Profile profile, bool self_signed, const Subject& subject,
                  const Io& io) {
    return run_make(options, profile, self_signed, Fleet{1, [&subject](std::size_t) { return subject; }}, io);
}

}  // namespace muster::cli::cert
