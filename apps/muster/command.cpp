#include "muster/command.h"

#include "base/text.h"

namespace muster::cli {
namespace {

constexpr std::size_t longest_id = 128;
constexpr std::int64_t largest_page = 1000;
constexpr std::string_view registration_id_characters = "-._:";
constexpr std::string_view device_id_characters = "-:.+%_#*?!(),=@;$'";

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string check_id(const std::string& text, std::string_view besides) {
    if (text.empty()) return "an id cannot be empty";
    if (text.size() > longest_id)
        return fmt::format("an id has at most {} characters; this has {}", longest_id, text.size());
    for (const char c : text) {
        if (is_alphanumeric(c) || besides.contains(c)) continue;
        return fmt::format("'{}' cannot be an id: letters, digits and {} are allowed", printable(text), besides);
    }
    return {};
}

CLI::Validator one_of(const std::vector<std::string>& words) {
    const auto find = [words](std::string& text) -> std::string {
        for (const auto& word : words) {
            if (!equals_ignore_case(word, text)) continue;
            text = word;
            return {};
        }
        const auto meant = nearest(text, words);
        return fmt::format("'{}' is not one of {}{}", printable(text), join(words, ", "),
                           meant ? fmt::format("; did you mean '{}'?", *meant) : "");
    };
    return CLI::Validator(find, "");
}

CLI::Option* add_id(CLI::App& verb, const char* name, std::string& value, const char* description,
                    std::string_view besides) {
    auto* option = verb.add_option(name, value, description);
    option->required();
    option->check([besides](const std::string& text) { return check_id(text, besides); }, "", "");
    return option->type_name("");
}

}  // namespace

CLI::App& add_noun(CLI::App& parent, const char* name, const char* description) {
    auto* noun = parent.add_subcommand(name, description);
    noun->require_subcommand(1);
    return *noun;
}

CLI::App& add_verb(CLI::App& parent, const char* name, const char* description, const char* examples) {
    auto* verb = parent.add_subcommand(name, description);
    if (examples[0] != '\0') verb->footer(std::string("Examples:\n") + examples);
    return *verb;
}

CLI::App& add_service_verb(CLI::App& parent, Context& context, const char* name, const char* description,
                           const char* examples) {
    auto& verb = add_verb(parent, name, description, examples);
    add_output_option(verb, context);
    add_service_options(verb, context);
    return verb;
}

void add_service_options(CLI::App& verb, Context& context) {
    verb.add_option(
            "--connection-string,--login", context.connection.connection_string,
            "HostName=...;SharedAccessKeyName=...;SharedAccessKey=...; better in MUSTER_CONNECTION_STRING, which "
            "other users cannot see")
        ->type_name("TEXT")
        ->group("Service");
    add_data_dir_option(verb, context);
    add_file(verb, "--ca", context.connection.ca_file,
             "CA that the service's certificate must chain to (PEM); also MUSTER_CA; default: the data directory's and "
             "the operating system's")
        ->group("Service");
}

void add_output_option(CLI::App& verb, Context& context) {
    const auto choose = [&context](const std::string& word) {
        context.format = word == "json" ? OutputFormat::json : OutputFormat::table;
    };
    verb.add_option_function<std::string>("-o,--output", choose,
                                          "table (the default) for people, json as the API gives it")
        ->transform(one_of({"table", "json"}))
        ->type_name("table|json");
}

void add_data_dir_option(CLI::App& verb, Context& context) {
    verb.add_option("--data-dir", context.connection.data_dir,
                    std::string("data directory of a musterd on this machine; default ") + default_data_dir)
        ->type_name("DIR")
        ->group("Service");
}

std::string registration_id_fault(const std::string& text) {
    return check_id(text, registration_id_characters);
}

CLI::Option* add_registration_id(CLI::App& verb, const char* name, std::string& value, const char* description) {
    return add_id(verb, name, value, description, registration_id_characters);
}

CLI::Option* add_device_id(CLI::App& verb, const char* name, std::string& value, const char* description) {
    return add_id(verb, name, value, description, device_id_characters);
}

CLI::Option* add_choice(CLI::App& verb, const char* names, std::string& value, const std::vector<std::string>& words,
                        const char* description) {
    return verb.add_option(names, value, description)->transform(one_of(words))->type_name(join(words, "|"));
}

CLI::Option* add_file(CLI::App& verb, const char* names, std::string& value, const char* description) {
    return verb.add_option(names, value, description)->type_name("FILE");
}

CLI::Validator number_between(std::int64_t lowest, std::int64_t highest) {
    const auto check = [lowest, highest](std::string& text) -> std::string {
        const auto number = parse_integer<std::int64_t>(text);
        if (number && *number >= lowest && *number <= highest) return {};
        return fmt::format("'{}' is no number from {} to {}", printable(text), lowest, highest);
    };
    return CLI::Validator(check, "");
}

CLI::Option* add_etag(CLI::App& verb, std::string& etag, const char* doing) {
    return verb.add_option("-e,--etag", etag, fmt::format("{} it only if this is still its ETag", doing))
        ->type_name("ETAG");
}

void add_paging(CLI::App& verb, Listing& listing) {
    verb.add_option_function<std::size_t>(
            "--top", [&listing](const std::size_t& top) { listing.top = top; }, "at most so many; default: all")
        ->check(number_between(1, 1'000'000'000))
        ->type_name("N");
    add_number(verb, "--page", listing.page, 1, largest_page, "items asked for at a time; the service may give fewer");
}

void wrong_usage(const std::string& message) {
    throw CLI::ValidationError(message, CLI::ExitCodes::ValidationError);
}

}  // namespace muster::cli
