// The checks of a registration that is only tried, one after another, as an operator reads them.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "provisioning/registration_decision.h"

namespace muster::provisioning {

class Checks {
public:
    void passed(std::string_view check, std::string detail) { add(check, "passed", std::move(detail)); }
    void failed(std::string_view check, std::string detail) { add(check, "failed", std::move(detail)); }
    void skipped(std::string_view check, std::string detail) { add(check, "skipped", std::move(detail)); }
    void failed(std::string_view check, const Error& error) {
        failed(check, error.chain());
        if (!error.hint().empty()) list_.back().as_object()["hint"] = error.hint();
    }
    void add_all(const Checks& others) {
        for (const auto& each : others.list_) list_.push_back(each);
    }
    json::array take() { return std::move(list_); }

private:
    void add(std::string_view check, std::string_view outcome, std::string detail) {
        list_.push_back(json::object{{"check", check}, {"outcome", outcome}, {"detail", std::move(detail)}});
    }
    json::array list_;
};

}  // namespace muster::provisioning
