#include "base/text.h"
#include "provisioning/enrollments.h"
#include "provisioning/errors.h"

namespace muster::provisioning {
namespace {

constexpr std::size_t max_items = 10;

std::string_view list_member(EnrollmentKind kind) {
    return kind == EnrollmentKind::individual ? "enrollments" : "enrollmentGroups";
}

Result<std::string> parse_mode(const json::object& body) {
    MUSTER_TRY(const auto text, required_string(body, "mode"));
    auto mode = to_lower(text);  // the SDKs disagree on the case of updateIfMatchETag
    for (const std::string_view known : {"create", "update", "updateifmatchetag", "delete"})
        if (mode == known) return mode;
    return fail(bad_body(
        fmt::format("\"mode\" must be create, update, updateIfMatchETag or delete, not '{}'", printable(text))));
}

}  // namespace

Task<Result<>> Enrollments::bulk_item(EnrollmentKind kind, std::string mode, json::object item) {
    MUSTER_CO_TRY(auto id, required_string(item, id_member(kind)));
    const auto etag = string_or(item, "etag");
    if (mode == "delete") co_return co_await remove(kind, id, etag.empty() ? std::nullopt : std::optional(etag));
    if (mode == "create") {
        MUSTER_CO_CHECK(co_await create(kind, std::move(id), std::move(item)));
        co_return Result<>();
    }
    std::optional<std::string> if_match;
    if (mode == "update") if_match = "*";
    if (mode == "updateifmatchetag") if_match = etag;
    MUSTER_CO_CHECK(co_await put(kind, std::move(id), std::move(item), std::move(if_match)));
    co_return Result<>();
}

Task<Result<json::object>> Enrollments::bulk(EnrollmentKind kind, json::object body) {
    MUSTER_CO_TRY(const auto mode, parse_mode(body));
    const auto* list = find_member(body, list_member(kind));
    if (list == nullptr || !list->is_array())
        co_return fail(bad_body(fmt::format("\"{}\" must be an array", list_member(kind))));
    const auto& items = list->as_array();
    if (items.empty() || items.size() > max_items)
        co_return fail(
            bad_body(fmt::format("a bulk operation has 1 to {} items, this one has {}", max_items, items.size())));

    json::array errors;
    for (const auto& item : items) {
        if (!item.is_object()) co_return fail(bad_body(fmt::format("\"{}\" must hold objects", list_member(kind))));
        auto done = co_await bulk_item(kind, mode, item.as_object());
        if (done) continue;
        errors.push_back(json::object{{id_member(kind), string_or(item.as_object(), id_member(kind))},
                                      {"errorCode", error_number(done.error())},
                                      {"errorStatus", done.error().chain()}});
    }
    const bool successful = errors.empty();
    co_return json::object{{"isSuccessful", successful}, {"errors", std::move(errors)}};
}

}  // namespace muster::provisioning
