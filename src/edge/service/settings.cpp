#include "edge/service/settings.h"

#include <toml++/toml.h>

#include <cstdlib>
#include <sstream>

#include "base/bytes.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"

namespace muster::edge {
namespace {

json::value to_json(const toml::node& node);

json::object table_to_json(const toml::table& table) {
    json::object object;
    for (const auto& [name, value] : table) object[name.str()] = to_json(value);
    return object;
}

json::value array_to_json(const toml::array& array) {
    json::array values;
    for (const auto& value : array) values.push_back(to_json(value));
    return values;
}

json::value to_json(const toml::node& node) {
    if (const auto* table = node.as_table()) return table_to_json(*table);
    if (const auto* array = node.as_array()) return array_to_json(*array);
    if (const auto* text = node.as_string()) return json::string(text->get());
    if (const auto* number = node.as_integer()) return number->get();
    if (const auto* real = node.as_floating_point()) return real->get();
    if (const auto* truth = node.as_boolean()) return truth->get();
    std::ostringstream date;
    node.visit([&](const auto& value) {
        if constexpr (toml::is_date<decltype(value)> || toml::is_time<decltype(value)> ||
                      toml::is_date_time<decltype(value)>)
            date << value.get();
    });
    return json::string(date.str());
}

toml::array array_to_toml(const json::array& array);

toml::table object_to_toml(const json::object& object) {
    toml::table table;
    for (const auto& member : object) {
        const auto name = std::string_view(member.key());
        const auto& value = member.value();
        if (value.is_object()) table.insert(name, object_to_toml(value.get_object()));
        if (value.is_array()) table.insert(name, array_to_toml(value.get_array()));
        if (value.is_string()) table.insert(name, std::string(value.get_string()));
        if (value.is_int64()) table.insert(name, value.get_int64());
        if (value.is_bool()) table.insert(name, value.get_bool());
        if (value.is_double()) table.insert(name, value.get_double());
    }
    return table;
}

toml::array array_to_toml(const json::array& array) {
    toml::array values;
    for (const auto& value : array) {
        if (value.is_object()) values.push_back(object_to_toml(value.get_object()));
        if (value.is_array()) values.push_back(array_to_toml(value.get_array()));
        if (value.is_string()) values.push_back(std::string(value.get_string()));
        if (value.is_int64()) values.push_back(value.get_int64());
        if (value.is_bool()) values.push_back(value.get_bool());
        if (value.is_double()) values.push_back(value.get_double());
    }
    return values;
}

void merge(json::object& into, json::object&& from) {
    for (auto& member : from) {
        auto* old = into.if_contains(member.key());
        if (old != nullptr && old->is_object() && member.value().is_object()) {
            merge(old->get_object(), std::move(member.value().get_object()));
        } else if (old != nullptr && old->is_array() && member.value().is_array()) {
            for (auto& element : member.value().get_array()) old->get_array().push_back(std::move(element));
        } else {
            into[member.key()] = std::move(member.value());
        }
    }
}

Result<std::vector<std::filesystem::path>> drop_ins(const std::filesystem::path& directory) {
    std::vector<std::filesystem::path> files;
    std::error_code error;
    for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
        const auto& path = at->path();
        if (path.extension() == ".toml" && !path.filename().string().starts_with(".")) files.push_back(path);
    }
    if (error && error != std::errc::no_such_file_or_directory)
        return fail(Errc::io, "cannot read directory {}: {}", directory.string(), error.message());
    std::ranges::sort(files);
    return files;
}

std::string what_mends(const std::filesystem::path& file) {
    if (file.filename() == "00-super.toml") return "iotedge config apply";
    return fmt::format("correct {}, then run: iotedge system restart", file.string());
}

// In the order in which they count.
Result<std::vector<std::filesystem::path>> sources_of(const SettingsFiles& files) {
    MUSTER_TRY(auto sources, drop_ins(files.directory));
    if (std::filesystem::exists(files.file)) sources.insert(sources.begin(), files.file);
    return sources;
}

Result<> merge_file(json::object& into, const std::filesystem::path& source) {
    MUSTER_TRY(const auto text, read_file(source));
    auto settings = parse_toml(text, source.string());
    if (!settings)
        return fail(Error(settings.error().code(), settings.error().message()).with_hint(what_mends(source)));
    merge(into, std::move(*settings));
    return {};
}

std::filesystem::path from_environment(const std::string& name, std::filesystem::path otherwise) {
    const char* value = std::getenv(name.c_str());
    return value != nullptr && *value != '\0' ? std::filesystem::path(value) : std::move(otherwise);
}

}  // namespace

SettingsFiles SettingsFiles::of(const Paths& paths, Service service) {
    const auto prefix = "AZIOT_" + to_upper(short_name(service)) + "_CONFIG";
    return {from_environment(prefix, paths.config_file(service)),
            from_environment(prefix + "_DIR", paths.config_directory(short_name(service)))};
}

Result<json::object> parse_toml(std::string_view text, const std::string& source) {
    try {
        return table_to_json(toml::parse(text, source));
    } catch (const toml::parse_error& error) {
        const auto& at = error.source().begin;
        return fail(Errc::invalid_argument, "{}:{}:{}: {}", source, at.line, at.column, error.description());
    }
}

std::string to_toml(const json::object& object) {
    std::ostringstream out;
    out << object_to_toml(object) << "\n";
    return out.str();
}

Result<json::object> load_settings(const SettingsFiles& files) {
    MUSTER_TRY(const auto sources, sources_of(files));
    if (sources.empty())
        return fail(Error(Errc::not_found, fmt::format("no settings: neither {} nor a file in {}", files.file.string(),
                                                       files.directory.string()))
                        .with_hint("run: iotedge config apply"));
    json::object merged;
    for (const auto& source : sources) MUSTER_CHECK(merge_file(merged, source));
    return merged;
}

Error blame(const Error& error, const SettingsFiles& files,
            const std::function<bool(const json::object&)>& understood) {
    const auto sources = sources_of(files);
    json::object merged;
    std::filesystem::path culprit;
    for (const auto& source : sources.value_or(std::vector<std::filesystem::path>())) {
        if (!merge_file(merged, source)) break;
        if (understood(merged))
            culprit.clear();
        else if (culprit.empty())
            culprit = source;
    }
    if (culprit.empty()) return error;
    return Error(error.code(), fmt::format("{}: {}", culprit.string(), error.chain()))
        .with_hint(error.hint().empty() ? what_mends(culprit) : error.hint());
}

void warn_unknown(const json::object& table, const std::vector<std::string>& known, std::string_view where) {
    for (const auto& member : table) {
        const std::string name(member.key());
        if (std::ranges::find(known, name) != known.end()) continue;
        const auto meant = nearest(name, known);
        log::warn("unknown key in the settings is not used",
                  {{"where", where}, {"key", name}, {"nearest", meant.value_or("none")}});
    }
}

std::filesystem::path device_path(const Paths& paths, const std::string& configured, std::filesystem::path otherwise) {
    if (configured.empty()) return otherwise;
    const auto& root = paths.root().string();
    if (paths.rooted() && configured.starts_with(root)) return configured;
    return paths.under(configured);
}

Result<std::filesystem::path> file_uri_path(std::string_view uri, std::string_view what) {
    if (uri.starts_with("file:///")) {
        if (const auto path = percent_decode(uri.substr(7)); path && path->find('\0') == std::string::npos)
            return std::filesystem::path(*path);
        return fail(Errc::invalid_argument, "{}: the URI {} has a broken percent escape", what, printable(uri));
    }
    if (uri.starts_with("pkcs11:"))
        return fail(Errc::unsupported,
                    "{}: is a pkcs11: URI, and nothing but keys may be in a hardware module: use a file:// URI", what);
    return fail(Errc::unsupported, "{}: {} is not a file:/// URI", what, printable(uri));
}

}  // namespace muster::edge
