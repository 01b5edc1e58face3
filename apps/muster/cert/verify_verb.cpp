// `muster cert verify`: whether a chain leads to a trusted CA, judged as the service does, and whether the key fits.
#include "base/file.h"
#include "base/text.h"
#include "muster/cert/authority.h"
#include "muster/cert/options.h"
#include "muster/cert/verbs.h"
#include "muster/command.h"
#include "muster/output.h"
#include "pki/path.h"

namespace muster::cli::cert {
namespace {

struct VerifyOptions {
    std::vector<std::string> files;
    std::string directory = ".";
    std::vector<std::string> trusted;
    std::string key;
    std::string purpose = "any";
    std::string at;
    bool json = false;
};

struct Verdict {
    std::string file;
    pki::PathResult path;
    std::string key_state;  // "matches", "differs", "unreadable"; empty: there was none to look at
    bool in_order = true;

    bool good() const { return path.ok() && key_state != "differs"; }
};

struct Judge {
    pki::CertificateChain trusted;
    pki::CertificateChain helpers;  // intermediates of the work directory, for files that hold the leaf alone
    pki::Purpose purpose;
    TimePoint at;
};

pki::Purpose purpose_of(const std::string& word) {
    if (word == "client") return pki::Purpose::tls_client;
    return word == "server" ? pki::Purpose::tls_server : pki::Purpose::any;
}

Result<Judge> make_judge(const VerifyOptions& options, TimePoint now) {
    const Layout layout(options.directory);
    Judge judge{{}, {}, purpose_of(options.purpose), now};
    if (!options.at.empty()) judge.at = *parse_utc(options.at);
    std::vector<std::string> files = options.trusted;
    if (files.empty()) {
        const auto root = layout.certificate(root_prefix);
        if (!std::filesystem::exists(root)) {
            return fail(
                Error(Errc::not_found, fmt::format("nothing to verify against: there is no {}", root.string()))
                    .with_hint("Name the trusted CA with --trusted FILE, or the work directory with --dir DIR."));
        }
        files.push_back(root.string());
    }
    for (const auto& file : files) {
        MUSTER_TRY(const auto chain, load_chain(file));
        judge.trusted.insert(judge.trusted.end(), chain.begin(), chain.end());
    }
    const auto helper = load_chain(layout.certificate(intermediate_prefix));
    if (helper) judge.helpers = *helper;
    return judge;
}

pki::PathResult judge_chain(const pki::CertificateChain& chain, const Judge& judge) {
    pki::CertificateChain presented = chain;
    presented.insert(presented.end(), judge.helpers.begin(), judge.helpers.end());
    const pki::FindAnchors all = [&judge](const pki::Certificate&) { return judge.trusted; };
    return validate_client_path(presented, all, {.now = judge.at, .purpose = judge.purpose});
}

// Devices and servers send the file as it is, and TLS wants each certificate followed by its issuer.
bool is_in_order(const pki::CertificateChain& chain) {
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        if (chain[i].issuer_der() != chain[i + 1].subject_der()) return false;
    }
    return true;
}

// private/X.key.pem for certs/X.cert.pem and certs/X-full-chain.cert.pem.
std::filesystem::path key_beside(const std::string& file) {
    const std::filesystem::path path(file);
    std::string name = path.filename().string();
    for (const std::string_view ending : {"-full-chain.cert.pem", ".cert.pem"}) {
        if (!name.ends_with(ending)) continue;
        name.resize(name.size() - ending.size());
        return path.parent_path() / ".." / "private" / (name + ".key.pem");
    }
    return {};
}

std::string key_state(const pki::Certificate& leaf, const std::filesystem::path& path) {
    if (path.empty() || !std::filesystem::exists(path)) return {};
    const auto key = load_key(path);
    if (!key) return "unreadable";
    const auto actual = key->public_key();
    const auto expected = leaf.public_key();
    return actual && expected && *actual == *expected ? "matches" : "differs";
}

Result<Verdict> verify(const std::string& file, const VerifyOptions& options, const Judge& judge) {
    MUSTER_TRY(const auto chain, load_chain(file));
    Verdict verdict{file, judge_chain(chain, judge), {}, is_in_order(chain)};
    verdict.key_state =
        key_state(chain.front(), options.key.empty() ? key_beside(file) : std::filesystem::path(options.key));
    return verdict;
}

std::string path_text(const pki::PathResult& result) {
    std::vector<std::string> names;
    for (const auto& certificate : result.path) names.push_back(printable(certificate.subject()));
    return join(names, " <- ");
}

void print(const Verdict& verdict, const Io& io) {
    io.out(fmt::format("{}: {}\n", verdict.file, verdict.good() ? "good" : "REFUSED"));
    if (!verdict.path.ok()) {
        io.out(fmt::format("  {}\n", verdict.path.explanation));
    } else {
        io.out(fmt::format("  {}\n", path_text(verdict.path)));
        const auto& leaf = verdict.path.path.front();
        io.out(fmt::format("  until {} ({})\n", format_utc_seconds(leaf.not_after()),
                           relative_time(leaf.not_after(), io.now)));
    }
    if (!verdict.in_order)
        io.out("  the certificates in the file are not in order: each must be followed by its issuer\n");
    if (verdict.key_state == "differs") io.out("  the private key is not the one of this certificate\n");
    if (verdict.key_state == "unreadable") io.out("  the private key could not be read and was not compared\n");
    if (verdict.key_state == "matches") io.out("  the private key fits\n");
}

json::object to_json(const Verdict& verdict) {
    json::array path;
    for (const auto& certificate : verdict.path.path) path.emplace_back(certificate.subject());
    return {{"file", verdict.file},
            {"good", verdict.good()},
            {"fault", to_string(verdict.path.fault)},
            {"explanation", verdict.path.explanation},
            {"path", std::move(path)},
            {"inOrder", verdict.in_order},
            {"key", verdict.key_state.empty() ? "absent" : verdict.key_state}};
}

Result<> run(const VerifyOptions& options, const Io& io) {
    MUSTER_TRY(const auto judge, make_judge(options, io.now));
    JsonArrayPrinter array(io);
    std::size_t refused = 0;
    for (const auto& file : options.files) {
        MUSTER_TRY(const auto verdict, verify(file, options, judge));
        options.json ? array.add(to_json(verdict)) : print(verdict, io);
        if (!verdict.good()) ++refused;
    }
    if (options.json) array.finish();
    if (refused > 0) return fail(Errc::invalid_argument, "{} of {} refused", refused, options.files.size());
    return {};
}

std::string check_time(const std::string& text) {
    return parse_utc(text) ? std::string()
                           : fmt::format("\"{}\" is no time; write 2027-01-31T00:00:00Z", printable(text));
}

}  // namespace

void add_verify_verb(CLI::App& noun, const Surroundings& around) {
    auto& verb =
        add_verb(noun, "verify", "Check chains as the service does: signatures, dates, rules, and the key",
                 "  muster cert verify certs/*-full-chain.cert.pem\n"
                 "  muster cert verify device.pem --trusted plant-ca.pem --purpose client --at 2027-01-31T00:00:00Z\n");
    auto options = std::make_shared<VerifyOptions>();
    verb.add_option("FILE", options->files, "a certificate or a chain, the leaf first (PEM)")->required();
    add_directory_option(verb, options->directory);
    verb.add_option("--trusted", options->trusted, "the CA to lead to; default: the root of the work directory")
        ->allow_extra_args(false)
        ->type_name("FILE");
    add_file(verb, "--key", options->key, "the leaf's private key; default: the one in private/, where there is one");
    add_choice(verb, "--purpose", options->purpose, {"any", "client", "server"},
               "what it must be good for; default any");
    verb.add_option("--at", options->at, "the moment to judge for; default now")
        ->check(check_time, "", "")
        ->type_name("TIME");
    add_json_option(verb, options->json);
    verb.callback([options, around] { around.finish(run(*options, around.io)); });
}

}  // namespace muster::cli::cert
