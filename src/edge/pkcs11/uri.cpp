#include "edge/pkcs11/uri.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace muster::edge::pkcs11 {
namespace {

constexpr std::string_view scheme = "pkcs11:";
constexpr std::size_t longest = 4096;
constexpr std::size_t longest_pin_file = 1024;

std::unexpected<Error> wrong(std::string message, std::string hint = {}) {
    return fail(Error(Errc::invalid_argument, std::move(message)).with_hint(std::move(hint)));
}

const std::vector<std::string> path_names{"token",
                                          "manufacturer",
                                          "serial",
                                          "model",
                                          "slot-id",
                                          "slot-manufacturer",
                                          "slot-description",
                                          "library-manufacturer",
                                          "library-description",
                                          "library-version",
                                          "object",
                                          "id",
                                          "type"};
const std::vector<std::string> query_names{"pin-value", "pin-source", "module-path"};

// RFC 7512 2.3: what is not allowed as it is must be escaped. Only what would be read in another way is insisted on.
Result<std::string> decode(std::string_view name, std::string_view value) {
    for (const char c : value) {
        if (c == ' ') return wrong(fmt::format("has a space in {}: it is written %20", name));
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) return wrong(fmt::format("has a control character in {}", name));
    }
    auto decoded = percent_decode(value);
    if (!decoded) return wrong(fmt::format("has a broken percent escape in {} (a literal % is written %25)", name));
    return std::move(*decoded);
}

std::unexpected<Error> unknown_attribute(std::string_view name, const std::vector<std::string>& known,
                                         const std::vector<std::string>& elsewhere, std::string_view place) {
    if (std::ranges::find(elsewhere, name) != elsewhere.end()) return wrong(fmt::format("has {} {}", name, place));
    if (name == "module-name")
        return wrong("has module-name, which is not understood", "the library's path belongs in pkcs11_lib_path");
    const auto meant = nearest(name, known);
    return wrong(fmt::format("has the unknown attribute \"{}\"", printable(name, 40)),
                 meant ? fmt::format("did you mean {}?", *meant) : fmt::format("known: {}", join(known, ", ")));
}

using Attributes = std::map<std::string, std::string, std::less<>>;

Result<> split_attributes(std::string_view text, char separator, const std::vector<std::string>& known,
                          const std::vector<std::string>& elsewhere, std::string_view place, Attributes& out) {
    if (text.empty()) return {};
    for (const auto part : split(text, separator)) {
        if (part.empty())
            return wrong(fmt::format("has an empty attribute (two \"{}\" in a row, or one too many)", separator));
        const auto equals = part.find('=');
        if (equals == std::string_view::npos)
            // It may be the rest of a PIN that holds the separator: not quoted.
            return wrong("has an attribute without \"=\"",
                         "attributes are written name=value; reserved characters as %XX");
        const std::string name(part.substr(0, equals));
        if (std::ranges::find(known, name) == known.end()) return unknown_attribute(name, known, elsewhere, place);
        MUSTER_TRY(auto value, decode(name, part.substr(equals + 1)));
        // The id is bytes; everything else ends up as text or as the name of a file.
        if (name != "id" && value.find('\0') != std::string::npos) return wrong(fmt::format("has a NUL in {}", name));
        if (!out.emplace(name, std::move(value)).second) return wrong(fmt::format("has {} twice", name));
    }
    return {};
}

std::optional<std::string> take(Attributes& attributes, std::string_view name) {
    const auto at = attributes.find(name);
    if (at == attributes.end()) return std::nullopt;
    return std::move(at->second);
}

Result<std::filesystem::path> path_of_pin_source(std::string_view text) {
    if (text.starts_with("file://"))
        text.remove_prefix(7);
    else if (text.starts_with("file:"))
        text.remove_prefix(5);
    if (text.starts_with('/')) return std::filesystem::path(text);
    return wrong("has a pin-source that is not the absolute path of a file",
                 "pin-source=file:/etc/aziot/pin, or pin-value=PIN");
}

Result<> check_version(const std::optional<std::string>& version) {
    if (!version) return {};
    const auto parts = split(*version, '.');
    const bool numbers =
        std::ranges::all_of(parts, [](auto part) { return parse_integer<std::uint8_t>(part).has_value(); });
    if (numbers && parts.size() <= 2) return {};
    return wrong("has a library-version that is not one or two numbers, such as 2.6");
}

Result<> check_type(const std::optional<std::string>& type) {
    static const std::set<std::string> known{"public", "private", "cert", "secret-key", "data"};
    if (!type || known.contains(*type)) return {};
    return wrong(fmt::format("has the unknown type \"{}\"", printable(*type, 40)), "type=private");
}

Result<> read_path(Attributes& attributes, Uri& uri) {
    uri.token = take(attributes, "token");
    uri.manufacturer = take(attributes, "manufacturer");
    uri.serial = take(attributes, "serial");
    uri.model = take(attributes, "model");
    uri.slot_manufacturer = take(attributes, "slot-manufacturer");
    uri.slot_description = take(attributes, "slot-description");
    uri.library_manufacturer = take(attributes, "library-manufacturer");
    uri.library_description = take(attributes, "library-description");
    uri.library_version = take(attributes, "library-version");
    uri.object = take(attributes, "object");
    uri.type = take(attributes, "type");
    if (const auto id = take(attributes, "id")) uri.id.emplace(id->begin(), id->end());
    if (const auto slot = take(attributes, "slot-id")) {
        uri.slot_id = parse_integer<std::uint64_t>(*slot);
        if (!uri.slot_id) return wrong(fmt::format("has the slot-id \"{}\", which is no number", printable(*slot, 40)));
    }
    MUSTER_CHECK(check_version(uri.library_version));
    return check_type(uri.type);
}

Result<> read_query(Attributes& attributes, Uri& uri) {
    if (auto pin = take(attributes, "pin-value")) {
        uri.pin_value = std::make_shared<const Secret>(std::string_view(*pin));
        wipe(pin->data(), pin->size());
    }
    if (const auto source = take(attributes, "pin-source")) {
        MUSTER_TRY(uri.pin_source, path_of_pin_source(*source));
    }
    if (uri.pin_value && uri.pin_source) return wrong("has both pin-value and pin-source: give one of the two");
    uri.module_path = take(attributes, "module-path");
    return {};
}

}  // namespace

bool is_uri(std::string_view text) {
    return starts_with_ignore_case(text, scheme);
}

Result<Uri> Uri::parse(std::string_view text) {
    if (!is_uri(text)) return wrong("does not begin with \"pkcs11:\"");
    if (text.size() > longest) return wrong(fmt::format("is longer than {} bytes", longest));
    text.remove_prefix(scheme.size());
    if (text.find('#') != std::string_view::npos) return wrong("has a fragment (a literal # is written %23)");
    const auto question = text.find('?');
    Attributes path, query;
    MUSTER_CHECK(split_attributes(text.substr(0, question), ';', path_names, query_names,
                                  "before the \"?\": it belongs after it", path));
    if (question != std::string_view::npos)
        MUSTER_CHECK(split_attributes(text.substr(question + 1), '&', query_names, path_names,
                                      "after the \"?\": it belongs before it", query));
    Uri uri;
    MUSTER_CHECK(read_path(path, uri));
    MUSTER_CHECK(read_query(query, uri));
    return uri;
}

Uri Uri::completed_by(const Uri& base) const {
    auto whole = *this;
    const bool names_none = !token && !serial && !slot_id;
    if (names_none) {
        whole.token = base.token;
        whole.serial = base.serial;
        whole.slot_id = base.slot_id;
    }
    const bool same = whole.token == base.token && whole.serial == base.serial && whole.slot_id == base.slot_id;
    if (!same || pin_value || pin_source) return whole;
    whole.pin_value = base.pin_value;
    whole.pin_source = base.pin_source;
    return whole;
}

Uri Uri::of_token() const {
    auto token_alone = *this;
    token_alone.object.reset();
    token_alone.id.reset();
    token_alone.type.reset();
    return token_alone;
}

bool Uri::same_token(const Uri& other) const {
    const auto words = [](const Uri& of) {
        return std::tie(of.token, of.manufacturer, of.serial, of.model, of.slot_id, of.slot_manufacturer,
                        of.slot_description, of.library_manufacturer, of.library_description, of.library_version,
                        of.module_path, of.pin_source);
    };
    if (words(*this) != words(other) || (pin_value == nullptr) != (other.pin_value == nullptr)) return false;
    return pin_value == nullptr || equal_constant_time(pin_value->bytes(), other.pin_value->bytes());
}

std::string Uri::text() const {
    std::vector<std::string> parts;
    const auto add = [&](std::string_view name, const std::optional<std::string>& value) {
        if (value) parts.push_back(fmt::format("{}={}", name, percent_encode(*value)));
    };
    add("token", token);
    add("manufacturer", manufacturer);
    add("model", model);
    add("serial", serial);
    if (slot_id) parts.push_back(fmt::format("slot-id={}", *slot_id));
    add("object", object);
    if (id) parts.push_back(fmt::format("id={}", percent_encode(as_text(*id))));
    return parts.empty() ? "any token" : join(parts, ";");
}

Result<std::optional<Secret>> Uri::pin() const {
    if (pin_value) return pin_value->clone();
    if (!pin_source) return std::nullopt;
    auto content = read_file(*pin_source, longest_pin_file);
    if (!content)
        return fail(content.error()
                        .wrap(Errc::unavailable, "cannot read the PIN's file (pin-source)")
                        .with_hint(fmt::format("chown aziotks: {0} && chmod 600 {0}", pin_source->string())));
    std::string_view text = *content;
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    Secret secret(text);
    wipe(content->data(), content->size());
    if (secret.empty()) return fail(Errc::unavailable, "the PIN's file {} is empty", pin_source->string());
    return secret;
}

}  // namespace muster::edge::pkcs11
