#include "muster/cert/options.h"

#include <arpa/inet.h>

#include <cstdlib>

#include "base/file.h"
#include "base/text.h"
#include "muster/command.h"

namespace muster::cli::cert {
namespace {

constexpr int most_days = 36500;
constexpr int longest_path = 100;

std::string check_key(const std::string& text) {
    const auto spec = pki::KeySpec::parse(text);
    return spec ? std::string() : spec.error().message();
}

bool is_address(const std::string& text) {
    in6_addr buffer{};
    return ::inet_pton(AF_INET, text.c_str(), &buffer) == 1 || ::inet_pton(AF_INET6, text.c_str(), &buffer) == 1;
}

}  // namespace

void add_directory_option(CLI::App& verb, std::string& directory) {
    verb.add_option("--dir", directory, "work directory, with certs/, private/ and csr/ in it; default: this one")
        ->type_name("DIR");
}

void add_json_option(CLI::App& verb, bool& json) {
    verb.add_option_function<std::string>(
            "-o,--output", [&json](const std::string& word) { json = equals_ignore_case(word, "json"); },
            "table (the default) for people, json for programs")
        ->check(CLI::IsMember({"table", "json"}, CLI::ignore_case).description(""))
        ->type_name("table|json");
}

void add_make_options(CLI::App& verb, MakeOptions& options, int days) {
    options.days = days;
    add_directory_option(verb, options.directory);
    verb.add_option("--key", options.key, "kind of key; default ec:p256")
        ->check(check_key, "", "")
        ->type_name("ec:p256|ec:p384|rsa:2048|rsa:3072|rsa:4096");
    add_number(verb, "--days", options.days, 1, most_days,
               fmt::format("days of validity, cut to those of the issuer; default {}. It begins five minutes ago, "
                           "for clocks that are slow",
                           days));
    verb.add_flag("--force", options.force, "replace the files that are there; old keys and certificates are lost");
    add_json_option(verb, options.json);
}

void add_common_name_option(CLI::App& verb, MakeOptions& options, const char* description) {
    verb.add_option("--cn", options.common_name, description)->type_name("NAME");
}

void add_authority_options(CLI::App& verb, MakeOptions& options, const char* authority) {
    options.authority = authority;
    verb.add_option("--ca", options.authority,
                    fmt::format("who signs: root, intermediate, or the name of another CA's files before .cert.pem; "
                                "default {}",
                                authority))
        ->type_name("NAME");
    verb.add_option("--ca-passphrase-file", options.authority_passphrase_file,
                    "where the CA's key is encrypted: its passphrase, on the first line; also MUSTER_CA_PASSPHRASE")
        ->type_name("FILE");
}

void add_path_length_option(CLI::App& verb, MakeOptions& options) {
    verb.add_option_function<int>(
            "--path-length", [&options](const int& length) { options.path_length = length; },
            "how many CAs may follow below this one; default: any number")
        ->check(number_between(0, longest_path))
        ->type_name("N");
}

void add_alternative_names_option(CLI::App& verb, MakeOptions& options) {
    verb.add_option("--san", options.alternative_names, "one more name: a DNS name or an IP address; may be repeated")
        ->allow_extra_args(false)
        ->type_name("NAME");
}

void add_pfx_options(CLI::App& verb, MakeOptions& options) {
    verb.add_flag("--pfx", options.pfx, "make a .cert.pfx (PKCS#12) of key and chain as well");
    verb.add_option("--pfx-passphrase-file", options.pfx_passphrase_file,
                    "its passphrase, on the first line; also MUSTER_PFX_PASSPHRASE; default 1234, as the original "
                    "scripts have it, which protects nothing")
        ->type_name("FILE");
}

Result<Secret> read_passphrase(const std::string& file, const char* variable, std::string_view otherwise) {
    if (!file.empty()) {
        constexpr std::size_t longest = 4096;
        MUSTER_TRY(std::string text, read_file(file, longest));
        Secret passphrase(std::string_view(text).substr(0, text.find_first_of("\r\n")));
        wipe(text.data(), text.size());
        return passphrase;
    }
    const char* value = std::getenv(variable);
    return Secret(value == nullptr ? otherwise : std::string_view(value));
}

void add_alternative_name(Subject& subject, std::string_view name) {
    if (starts_with_ignore_case(name, "DNS:")) {
        subject.dns_names.emplace_back(name.substr(4));
    } else if (starts_with_ignore_case(name, "IP:")) {
        subject.ip_addresses.emplace_back(name.substr(3));
    } else if (const std::string text(name); is_address(text)) {
        subject.ip_addresses.push_back(text);
    } else {
        subject.dns_names.push_back(text);
    }
}

}  // namespace muster::cli::cert
