#include "edge/config/readers.h"

#include "base/text.h"
#include "edge/config/values.h"
#include "edge/pkcs11/uri.h"

namespace muster::edge::readers {

Given given(const ConfigSection& section, std::string_view name, std::string value) {
    return {std::move(value), section.path(name), section.line(name)};
}

std::optional<GivenFile> file(const ConfigSection& section, std::string_view name) {
    auto uri = section.string(name);
    if (!uri) return std::nullopt;
    auto path = path_of_file_uri(*uri);
    if (!path) {
        const auto& hint = path.error().hint();
        section.problem(name, path.error().message(), hint.empty() ? "" : fmt::format("{} = {}", name, hint));
        return std::nullopt;
    }
    return GivenFile{std::move(*uri), std::move(*path), section.path(name), section.line(name)};
}

std::optional<GivenFile> key_file(const ConfigSection& section, std::string_view name) {
    const bool in_token = section.kind(name) == ConfigKind::string && pkcs11::is_uri(*section.string(name));
    if (!in_token) return file(section, name);
    auto uri = *section.string(name);
    const auto parsed = pkcs11::Uri::parse(uri);
    if (!parsed) {
        section.problem(name, parsed.error().message(), parsed.error().hint());
        return std::nullopt;
    }
    if (!parsed->names_object()) {
        section.problem(name, "names no object in the token", "add ;object=LABEL or ;id=%XX before the \"?\"");
        return std::nullopt;
    }
    return GivenFile{std::move(uri), {}, section.path(name), section.line(name)};
}

std::optional<std::uint32_t> number(const ConfigSection& section, std::string_view name) {
    const auto value = section.integer(name, 0, UINT32_MAX);
    if (!value) return std::nullopt;
    return static_cast<std::uint32_t>(*value);
}

std::vector<std::pair<std::string, std::string>> text_map(const ConfigSection& section) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& name : section.names())
        if (auto value = section.string(name)) out.emplace_back(name, std::move(*value));
    return out;
}

void only_with(const ConfigSection& section, const std::vector<std::string>& names, std::string_view condition) {
    for (const auto& name : names)
        if (section.has(name)) section.problem(name, fmt::format("is understood only with {}", condition));
}

std::optional<AutoRenew> auto_renew(const ConfigSection& section, std::string_view name) {
    if (section.kind(name) == ConfigKind::boolean) {
        if (!*section.boolean(name)) return std::nullopt;
        return AutoRenew{};
    }
    AutoRenew renew;
    const auto table = section.table(name);
    if (!table) return renew;
    if (!table->has("rotate_key")) table->problem("rotate_key", "is missing: true makes a new key at each renewal");
    renew.rotate_key = table->boolean("rotate_key").value_or(true);
    if (auto threshold = required(*table, "threshold", "when to renew, such as \"80%\"", check_renewal_policy))
        renew.threshold = threshold->value;
    if (auto retry =
            required(*table, "retry", "how long to wait after a failed try, such as \"4%\"", check_renewal_policy))
        renew.retry = retry->value;
    return renew;
}

}  // namespace muster::edge::readers
