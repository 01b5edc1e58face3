#include "edge/check/checks.h"

#include "edge/check/device.h"

namespace muster::edge::checks {
namespace {

struct Section {
    std::string_view name;
    std::vector<Check> checks;
    void (*begin)(Device&) = nullptr;  // what its checks wait for
};

std::vector<Section> sections() {
    const auto join = [](std::initializer_list<std::vector<Check>> parts) {
        std::vector<Check> all;
        for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
        return all;
    };
    return {{"Configuration checks (aziot-identity-service)",
             join({configuration_checks(), service_checks(), certificate_checks(), key_checks()})},
            {"Connectivity checks (aziot-identity-service)", join({connection_checks(), enrollment_checks()}),
             begin_connection_checks}};
}

Outcome run_one(const Check& check, Device& device) {
    if (device.options.dont_run.contains(std::string(check.id)))
        return Outcome::ignored("was not to be run (--dont-run)");
    return check.run(device);
}

int weight(Outcome::Kind kind) {
    switch (kind) {
        case Outcome::Kind::ok: return 0;
        case Outcome::Kind::ignored: return 1;
        case Outcome::Kind::skipped: return 2;
        case Outcome::Kind::warning: return 3;
        case Outcome::Kind::error: return 4;
        case Outcome::Kind::fatal: break;
    }
    return 5;
}

}  // namespace

Outcome Outcome::of(Kind kind, std::string detail, std::string hint) {
    Outcome outcome{kind};
    if (!detail.empty()) outcome.details.push_back(std::move(detail));
    if (!hint.empty()) outcome.details.push_back("to mend it: " + hint);
    return outcome;
}

Outcome Outcome::failed(const Error& error, Kind kind) {
    Outcome outcome{kind};
    std::string hint;
    for (const auto* at = &error; at != nullptr; at = at->cause()) {
        outcome.details.push_back(at == &error ? at->message() : "caused by: " + at->message());
        if (hint.empty()) hint = at->hint();
    }
    if (!hint.empty()) outcome.details.push_back("to mend it: " + hint);
    return outcome;
}

void Outcome::add(Outcome other) {
    if (other.kind == Kind::ok) return;
    if (weight(other.kind) > weight(kind)) kind = other.kind;
    for (auto& detail : other.details) details.push_back(std::move(detail));
}

std::vector<Found> run(const Paths& paths, const Options& options, const Clock& clock,
                       const std::function<void(const Found&)>& tell) {
    Device device(paths, options, clock);
    std::vector<Found> all;
    for (const auto& section : sections()) {
        if (section.begin != nullptr) section.begin(device);
        for (const auto& check : section.checks) {
            all.push_back({std::string(section.name), std::string(check.id), std::string(check.description),
                           run_one(check, device)});
            tell(all.back());
        }
    }
    return all;
}

std::vector<Listed> list() {
    std::vector<Listed> all;
    for (const auto& section : sections())
        for (const auto& check : section.checks)
            all.push_back({std::string(section.name), std::string(check.id), std::string(check.description)});
    return all;
}

}  // namespace muster::edge::checks
