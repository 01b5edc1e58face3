#include "access/policy_book.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace muster::access {
namespace {

// Changes of policies are rare: two at once are an accident, and three in a row a defect.
constexpr int most_attempts = 3;

bool may_change_policies(const Policy& policy) {
    return policy.may(Right::service_config);
}

}  // namespace

PolicyBook::PolicyBook(Policies policies, Save save, Load load)
    : save_(std::move(save)),
      load_(std::move(load)),
      current_(std::make_shared<const Policies>(std::move(policies))),
      lookout_([this] { return take_in_on_writer(); }) {}

PolicyBook::~PolicyBook() {
    stop();
}

void PolicyBook::stop() {
    writer_.join();
}

std::shared_ptr<const Policies> PolicyBook::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

Task<Result<std::shared_ptr<const Policies>>> PolicyBook::newest() {
    if (load_) MUSTER_CO_CHECK(co_await lookout_.make_sure());
    co_return current();
}

Result<std::shared_ptr<const Policies>> PolicyBook::edited(const Edit& edit) const {
    auto next = current()->clone();
    MUSTER_CHECK(edit(next));
    if (std::ranges::none_of(next.all(), may_change_policies))
        return fail(Error(Errc::conflict,
                          "this would leave no access policy with the right ServiceConfig, and nobody could change "
                          "policies any more")
                        .with_hint("give that right to another policy first"));
    return std::make_shared<const Policies>(std::move(next));
}

Result<> PolicyBook::check(const Edit& edit) const {
    MUSTER_CHECK(edited(edit));
    return {};
}

void PolicyBook::show(std::shared_ptr<const Policies> policies) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(policies);
}

Result<> PolicyBook::save_edited(const Edit& edit) {
    MUSTER_TRY(auto next, edited(edit));
    MUSTER_CHECK(save_(*next));
    show(std::move(next));
    return {};
}

Result<> PolicyBook::take_in() {
    if (!load_) return {};
    MUSTER_TRY(auto written, load_());
    if (written) show(std::make_shared<const Policies>(std::move(*written)));
    return {};
}

Result<> PolicyBook::apply(const Edit& edit) {
    auto saved = save_edited(edit);
    for (int again = 0; load_ && !saved && saved.error().code() == Errc::conflict && again < most_attempts; ++again) {
        MUSTER_CHECK(take_in());
        saved = save_edited(edit);
    }
    return saved;
}

// The one thread of the pool makes the changes follow one another, and keeps the disk off the reactors.
Task<Result<>> PolicyBook::change(Edit edit) {
    auto on_writer = [](PolicyBook& book, Edit work) -> Task<Result<>> { co_return book.apply(work); };
    auto changed =
        co_await boost::asio::co_spawn(writer_, on_writer(*this, std::move(edit)), boost::asio::use_awaitable);
    if (changed && load_) co_await Lookout::settle();
    co_return changed;
}

Task<Result<>> PolicyBook::take_in_on_writer() {
    auto on_writer = [](PolicyBook& book) -> Task<Result<>> { co_return book.take_in(); };
    co_return co_await boost::asio::co_spawn(writer_, on_writer(*this), boost::asio::use_awaitable);
}

Task<Result<>> PolicyBook::refresh() {
    co_return co_await lookout_.look();
}

}  // namespace muster::access
