#include "limited_groups.h"

#include "base/log.h"

namespace muster::musterd {

LimitedGroups::LimitedGroups(store::Store& store, const provisioning::ThrottleSettings& throttle) : store_(store) {
    for (const auto& [name, limit] : throttle.groups) names_.push_back(name);
}

Task<Result<std::set<std::string>>> LimitedGroups::find_missing() {
    co_return co_await store_.read([this](store::Tx& tx) -> Result<std::set<std::string>> {
        std::set<std::string> absent;
        for (const auto& name : names_) {
            MUSTER_TRY(const auto group, tx.enrollment_groups().find(name));
            if (!group) absent.insert(name);
        }
        return absent;
    });
}

Task<Result<>> LimitedGroups::look() {
    MUSTER_CO_TRY(auto absent, co_await find_missing());
    for (const auto& name : absent)
        if (!missing_.contains(name))
            log::warn("a limit in [throttle.groups] is for no enrollment group that is there", {{"group", name}});
    for (const auto& name : missing_)
        if (!absent.contains(name))
            log::info("a limit in [throttle.groups] is in force for its enrollment group", {{"group", name}});
    missing_ = std::move(absent);
    co_return Result<>();
}

}  // namespace muster::musterd
