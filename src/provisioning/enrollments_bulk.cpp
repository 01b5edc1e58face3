#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

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

// Runs them beside each other on the caller's reactor; their results in order.
Task<std::vector<Result<>>> all_at_once(std::vector<Task<Result<>>> tasks) {
    const auto executor = co_await boost::asio::this_coro::executor;
    std::vector<Result<>> results(tasks.size());
    std::size_t left = tasks.size();
    boost::asio::steady_timer done(executor, std::chrono::steady_clock::time_point::max());
    for (std::size_t i = 0; i < tasks.size(); ++i)
        boost::asio::co_spawn(executor, std::move(tasks[i]), [&, i](const std::exception_ptr& defect, Result<> result) {
            results[i] = defect ? fail(Errc::internal, "an item ended by an exception") : std::move(result);
            if (--left == 0) done.cancel();
        });
    if (left != 0) co_await done.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    co_return results;
}

}  // namespace

Result<> Enrollments::bulk_item(store::Tx& tx, EnrollmentKind kind, std::string_view mode, const json::object& item,
                                const store::Origin& by) {
    MUSTER_TRY(const auto id, required_string(item, id_member(kind)));
    const auto etag = string_or(item, "etag");
    if (mode == "delete") return erase(tx, kind, id, etag.empty() ? std::nullopt : std::optional(etag), by);
    std::optional<std::string> if_match;
    if (mode == "update") if_match = "*";
    if (mode == "updateifmatchetag") if_match = etag;
    MUSTER_CHECK(write(tx, kind, id, item, if_match, mode == "create", by));
    return {};
}

Task<Result<json::object>> Enrollments::bulk(EnrollmentKind kind, json::object body, store::Origin by) {
    MUSTER_CO_TRY(const auto mode, parse_mode(body));
    const auto* list = find_member(body, list_member(kind));
    if (list == nullptr || !list->is_array())
        co_return fail(bad_body(fmt::format("\"{}\" must be an array", list_member(kind))));
    const auto& items = list->as_array();
    if (items.empty() || items.size() > max_items)
        co_return fail(
            bad_body(fmt::format("a bulk operation has 1 to {} items, this one has {}", max_items, items.size())));
    if (!std::ranges::all_of(items, [](const json::value& item) { return item.is_object(); }))
        co_return fail(bad_body(fmt::format("\"{}\" must hold objects", list_member(kind))));

    MUSTER_CO_CHECK(co_await facts_.catch_up());
    // Each item is a transaction of its own, so that a bad one undoes no other; all at once, so that they share a
    // commit.
    const auto one = [&](const json::object& item) {
        return store_.transact([&, mode](store::Tx& tx) { return bulk_item(tx, kind, mode, item, by); });
    };
    std::vector<Task<Result<>>> tasks;
    for (const auto& item : items) tasks.push_back(one(item.as_object()));
    const auto results = co_await all_at_once(std::move(tasks));
    MUSTER_CO_CHECK(co_await after_change(kind));

    json::array errors;
    for (std::size_t i = 0; i < items.size(); ++i) {
        if (results[i]) continue;
        errors.push_back(json::object{{id_member(kind), string_or(items[i].as_object(), id_member(kind))},
                                      {"errorCode", error_number(results[i].error())},
                                      {"errorStatus", results[i].error().chain()}});
    }
    const bool successful = errors.empty();
    co_return json::object{{"isSuccessful", successful}, {"errors", std::move(errors)}};
}

}  // namespace muster::provisioning
