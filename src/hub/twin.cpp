#include "hub/twin.h"

#include "base/log.h"
#include "base/text.h"
#include "hub/errors.h"

namespace muster::hub {
namespace {

constexpr std::size_t max_depth = 10;
constexpr std::size_t max_key_bytes = 1024;
constexpr std::size_t max_string_bytes = 4096;
constexpr std::int64_t max_integer = 4503599627370495;

std::unexpected<Error> invalid(std::string message) {
    return fail(Error(Errc::invalid_argument, std::move(message)).with_number(code::argument_invalid));
}

// An earlier version took a number that no double holds, and wrote it as what JSON's readers refuse. The greatest that
// they take stands for it; in a string it is nothing but text.
std::string with_finite_numbers(std::string_view text) {
    constexpr std::string_view infinite = "Infinity";
    std::string out;
    bool in_string = false;
    while (!text.empty()) {
        const std::size_t length = in_string && text.size() > 1 && text.front() == '\\' ? 2 : 1;
        if (!in_string && text.starts_with(infinite)) {
            out += "1.7976931348623157e308";
            text.remove_prefix(infinite.size());
            continue;
        }
        if (length == 1 && text.front() == '"') in_string = !in_string;
        out += text.substr(0, length);
        text.remove_prefix(length);
    }
    return out;
}

json::object parse_section(const std::string& text) {
    if (text.empty()) return {};
    auto parsed = parse_json_object(text);
    if (!parsed) parsed = parse_json_object(with_finite_numbers(text));
    if (parsed) return std::move(*parsed);
    log::error("a part of a twin cannot be read and is shown as empty", {{"error", parsed.error().chain()}});
    return {};
}

// Every member of `section`, with the time and version of its last change; objects are gone into.
json::object metadata(const json::object& section, const std::string& updated, std::optional<std::int64_t> version) {
    json::object out{{"$lastUpdated", updated}};
    if (version) out["$lastUpdatedVersion"] = *version;
    for (const auto& member : section) {
        const auto* inner = member.value().if_object();
        out[member.key()] = metadata(inner != nullptr ? *inner : json::object(), updated, version);
    }
    return out;
}

json::object properties_to_json(const std::string& text, std::int64_t version, TimePoint updated, bool desired) {
    auto section = parse_section(text);
    auto meta = metadata(section, format_utc(updated), desired ? std::optional(version) : std::nullopt);
    section["$metadata"] = std::move(meta);
    section["$version"] = version;
    return section;
}

// Counts as the limits do: keys and strings by their bytes, numbers 8, booleans 4, null 0.
class SectionChecker {
public:
    explicit SectionChecker(std::string_view what) : what_(what) {}

    Result<> object(const json::object& section, std::size_t depth) {
        if (depth > max_depth) return invalid(fmt::format("{} is nested deeper than {} levels", what_, max_depth));
        for (const auto& member : section) {
            MUSTER_CHECK(key(member.key()));
            MUSTER_CHECK(value(member.value(), depth, std::string_view(member.key())));
        }
        return {};
    }
    std::size_t bytes() const { return bytes_; }

private:
    Result<> key(std::string_view name) {
        bytes_ += name.size();
        if (name.empty() || name.size() > max_key_bytes)
            return invalid(
                fmt::format("{} has a key of {} bytes; allowed are 1 to {}", what_, name.size(), max_key_bytes));
        for (const char c : name)
            if (static_cast<unsigned char>(c) < 0x20 || c == '.' || c == '$' || c == ' ')
                return invalid(
                    fmt::format("{} has the key '{}': control characters, '.', '$' and space are not allowed", what_,
                                printable(name)));
        return {};
    }

    Result<> value(const json::value& item, std::size_t depth, std::string_view name) {
        if (const auto* inner = item.if_object()) return object(*inner, depth + 1);
        if (const auto* list = item.if_array()) return array(*list, depth + 1, name);
        if (const auto* text = item.if_string()) {
            bytes_ += text->size();
            if (text->size() > max_string_bytes)
                return invalid(fmt::format("'{}' in {} is a string of more than {} bytes", printable(name), what_,
                                           max_string_bytes));
        } else if (item.is_number()) {
            bytes_ += 8;
            const bool out_of_range =
                (item.is_int64() && (item.get_int64() > max_integer || item.get_int64() < -max_integer - 1)) ||
                item.is_uint64();
            if (out_of_range)
                return invalid(fmt::format("'{}' in {} is an integer outside -4503599627370496 to 4503599627370495",
                                           printable(name), what_));
        } else if (item.is_bool()) {
            bytes_ += 4;
        }
        return {};
    }

    Result<> array(const json::array& list, std::size_t depth, std::string_view name) {
        if (depth > max_depth) return invalid(fmt::format("{} is nested deeper than {} levels", what_, max_depth));
        for (const auto& item : list) {
            if (item.is_null()) return invalid(fmt::format("the array '{}' in {} holds null", printable(name), what_));
            MUSTER_CHECK(value(item, depth, name));
        }
        return {};
    }

    std::string_view what_;
    std::size_t bytes_ = 0;
};

}  // namespace

Result<> check_section(const json::object& section, std::string_view what, std::size_t max_bytes) {
    SectionChecker checker(what);
    MUSTER_CHECK(checker.object(section, 1));
    if (checker.bytes() > max_bytes)
        return invalid(fmt::format("{} has {} bytes; the limit is {}", what, checker.bytes(), max_bytes));
    return {};
}

json::object twin_to_json(const store::IdentityRecord& record) {
    json::object out{{"deviceId", record.device_id}};
    if (record.is_module()) out["moduleId"] = record.module_id;
    out["etag"] = record.twin_etag;
    out["deviceEtag"] = record.etag;
    out["status"] = record.status;
    out["statusReason"] = record.status_reason.empty() ? json::value(nullptr) : json::value(record.status_reason);
    out["statusUpdateTime"] =
        record.status_updated == TimePoint{} ? "0001-01-01T00:00:00Z" : format_utc(record.status_updated);
    out["connectionState"] = "Disconnected";
    out["lastActivityTime"] = "0001-01-01T00:00:00Z";
    out["cloudToDeviceMessageCount"] = 0;
    out["authenticationType"] = record.authentication;
    out["x509Thumbprint"] = {
        {"primaryThumbprint",
         record.primary_thumbprint.empty() ? json::value(nullptr) : json::value(record.primary_thumbprint)},
        {"secondaryThumbprint",
         record.secondary_thumbprint.empty() ? json::value(nullptr) : json::value(record.secondary_thumbprint)}};
    out["modelId"] = "";
    out["version"] = record.twin_version;
    if (!record.is_module() || !record.tags.empty()) out["tags"] = parse_section(record.tags);
    out["properties"] = {
        {"desired", properties_to_json(record.desired, record.desired_version, record.desired_updated, true)},
        {"reported", properties_to_json(record.reported, record.reported_version, record.reported_updated, false)}};
    if (!record.is_module()) {
        out["capabilities"] = {{"iotEdge", record.edge}};
        if (!record.device_scope.empty()) out["deviceScope"] = record.device_scope;
    }
    return out;
}

}  // namespace muster::hub
