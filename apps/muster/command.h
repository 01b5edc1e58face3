// Building blocks of the command tree: nouns, verbs, and options that are the same wherever they appear.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <vector>

#include "muster/context.h"

namespace muster::cli {

// A noun that holds verbs: "enrollment".
CLI::App& add_noun(CLI::App& parent, const char* name, const char* description);
// A verb without options. `examples` is what --help ends with.
CLI::App& add_verb(CLI::App& parent, const char* name, const char* description, const char* examples);
// A verb that calls the service: with --output and the options that say where the service is.
CLI::App& add_service_verb(CLI::App& parent, Context& context, const char* name, const char* description,
                           const char* examples);

// --connection-string, --data-dir and --ca.
void add_service_options(CLI::App& verb, Context& context);
void add_output_option(CLI::App& verb, Context& context);
void add_data_dir_option(CLI::App& verb, Context& context);

// Why the service would not take it as an id of an enrollment, a group or a registration; empty when it would.
std::string registration_id_fault(const std::string& text);
// "ID", required, checked against the characters and lengths that the service takes (facts: DPS and hub).
CLI::Option* add_registration_id(CLI::App& verb, const char* name, std::string& value, const char* description);
CLI::Option* add_device_id(CLI::App& verb, const char* name, std::string& value, const char* description);
// One of the words, compared without case; `value` gets it as spelled here. Help and completion show the words.
CLI::Option* add_choice(CLI::App& verb, const char* names, std::string& value, const std::vector<std::string>& words,
                        const char* description);
CLI::Option* add_file(CLI::App& verb, const char* names, std::string& value, const char* description);
// Whole numbers from `lowest` to `highest`.
CLI::Validator number_between(std::int64_t lowest, std::int64_t highest);
// A number of a range; its description says the unit and what holds without it.
template <class T>
CLI::Option* add_number(CLI::App& verb, const char* names, T& value, std::int64_t lowest, std::int64_t highest,
                        const std::string& description) {
    return verb.add_option(names, value, description)->check(number_between(lowest, highest))->type_name("N");
}
// --etag: "delete it only if this is still its ETag".
CLI::Option* add_etag(CLI::App& verb, std::string& etag, const char* doing);
// --top and --page of a listing.
void add_paging(CLI::App& verb, Listing& listing);

// Ends the parse: the message, the way to the help, exit code 2.
[[noreturn]] void wrong_usage(const std::string& message);

}  // namespace muster::cli
