// What musterd counts, in the Prometheus text format.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace muster::metrics {

// Safe from any thread. Labels are bounded sets: never an id, never a text from outside.
class Metrics {
public:
    Metrics();
    ~Metrics();

    // A registration that ended: result is assigned, failed, disabled or refused; reason says why it was refused
    // (request, credential, enrollment) and is empty otherwise.
    void registration(std::string_view result, std::string_view reason = {});
    // A request that was turned away for a while; limit is service, group, address, operations or overload.
    void throttled(std::string_view limit);
    // A request that was answered; front is device, service, hub or operator.
    void request(std::string_view front, int status, std::chrono::nanoseconds took);

    // A value that is read when it is asked for. `total` says that it only grows.
    enum class Kind { gauge, total };
    void observe(Kind kind, std::string name, std::string help, std::function<double()> read);

    // text/plain; version=0.0.4
    std::string scrape() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace muster::metrics
