// Options that the making verbs of `muster cert` share, and what they mean together.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "base/bytes.h"
#include "muster/cert/fleet.h"
#include "muster/io.h"

namespace muster::cli::cert {

struct MakeOptions {
    std::string directory = ".";
    std::string key = "ec:p256";
    int days = 0;
    std::string common_name;
    std::vector<std::string> alternative_names;
    std::optional<int> path_length;
    std::string authority;
    std::string authority_passphrase_file;
    bool pfx = false;
    std::string pfx_passphrase_file;
    bool force = false;
    bool resume = false;
    bool json = false;

    Existing existing() const {
        if (resume) return Existing::keep;
        return force ? Existing::replace : Existing::refuse;
    }
};

void add_directory_option(CLI::App& verb, std::string& directory);
void add_json_option(CLI::App& verb, bool& json);
// --dir, --key, --days, --force, --output; every making verb has them.
void add_make_options(CLI::App& verb, MakeOptions& options, int days);
void add_common_name_option(CLI::App& verb, MakeOptions& options, const char* description);
void add_authority_options(CLI::App& verb, MakeOptions& options, const char* authority);
void add_path_length_option(CLI::App& verb, MakeOptions& options);
void add_alternative_names_option(CLI::App& verb, MakeOptions& options);
void add_pfx_options(CLI::App& verb, MakeOptions& options);

// A passphrase from the first line of `file`, else from the environment, else the default. Never from the command line.
Result<Secret> read_passphrase(const std::string& file, const char* variable, std::string_view otherwise);

// "10.0.0.1", "host.example", "IP:::1", "DNS:host" into the subject's alternative names.
void add_alternative_name(Subject& subject, std::string_view name);

}  // namespace muster::cli::cert
