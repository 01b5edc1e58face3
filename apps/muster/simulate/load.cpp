#include "muster/simulate/load.h"

#include <sys/resource.h>

#include <boost/asio/as_tuple.hpp>

#include <list>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"

namespace muster::cli::simulate {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Identities are made in batches while the clock stands still: memory stays bounded and the measure clean.
constexpr std::size_t batch_size = 10'000;

double cpu_seconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::uint32_t micros_since(Clock::time_point start) {
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

class Load {
public:
    Load(const Destination& destination, const LoadOptions& options, LoadResult& result)
        : destination_(destination), options_(options), result_(result) {}

    void run(std::vector<DeviceIdentity> batch);

private:
    struct Active {
        DeviceClient* client;
        Clock::time_point deadline;
    };

    Task<> worker();
    Task<> watch();
    Task<> simulate(const DeviceIdentity& identity);
    Task<Result<std::string>> live(DeviceClient& client, const DeviceIdentity& identity, Clock::time_point start);
    Task<Result<std::string>> registration(DeviceClient& client, const DeviceIdentity& identity);
    Task<> rest(const Reply& reply);

    const Destination& destination_;
    const LoadOptions& options_;
    LoadResult& result_;
    asio::io_context loop_{1};
    std::vector<DeviceIdentity> batch_;
    std::size_t next_ = 0;
    std::size_t workers_ = 0;
    std::list<Active> active_;
};

void Load::run(std::vector<DeviceIdentity> batch) {
    batch_ = std::move(batch);
    next_ = 0;
    workers_ = std::min(options_.concurrency, batch_.size());
    for (std::size_t i = 0; i < workers_; ++i) asio::co_spawn(loop_, worker(), asio::detached);
    asio::co_spawn(loop_, watch(), asio::detached);
    loop_.restart();
    loop_.run();
}

Task<> Load::worker() {
    while (next_ < batch_.size()) co_await simulate(batch_[next_++]);
    --workers_;
}

Task<> Load::watch() {
    asio::steady_timer timer(loop_);
    while (workers_ > 0) {
        timer.expires_after(std::chrono::milliseconds(100));
        co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto now = Clock::now();
        for (auto& active : active_) {
            if (active.deadline <= now) active.client->give_up();
        }
    }
}

Task<> Load::simulate(const DeviceIdentity& identity) {
    DeviceClient client(loop_.get_executor(), destination_);
    const auto start = Clock::now();
    const auto place = active_.insert(active_.end(), {&client, start + options_.patience});
    const auto outcome = co_await live(client, identity, start);
    active_.erase(place);
    client.close();
    if (outcome) {
        ++result_.done;
        result_.total.push_back(micros_since(start));
    }
    ++result_.outcomes[outcome ? *outcome : outcome.error().message()];
}

Task<Result<std::string>> Load::live(DeviceClient& client, const DeviceIdentity& identity, Clock::time_point start) {
    MUSTER_CO_CHECK(co_await client.connect(identity));
    result_.handshake.push_back(micros_since(start));
    if (!options_.handshake_only) co_return co_await registration(client, identity);
    MUSTER_CO_TRY(const auto answer, co_await http_request(client, "GET", "/", ""));
    ++result_.requests;
    co_return fmt::format("status {}", answer.status);
}

// What an answer says: "assigned", "assigning", or what went wrong with its tracking id left out, so that equal
// failures count together.
std::string state_of(const Reply& reply, json::object& body) {
    auto parsed = parse_json_object(reply.body);
    if (!parsed) return fmt::format("status {} without a JSON body", reply.status);
    body = std::move(*parsed);
    if (reply.status >= 300) return fmt::format("status {}: {}", reply.status, string_or(body, "message"));
    auto state = string_or(body, "status", "without status");
    const auto* registration = body.if_contains("registrationState");
    if (state == "failed" && registration && registration->is_object()) {
        state += ": " + string_or(registration->as_object(), "errorMessage");
    }
    return state;
}

Task<> Load::rest(const Reply& reply) {
    const auto pause = options_.poll_after.value_or(reply.retry_after.value_or(std::chrono::seconds(2)));
    if (pause.count() == 0) co_return;
    asio::steady_timer timer(loop_, pause);
    co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

Task<Result<std::string>> Load::registration(DeviceClient& client, const DeviceIdentity& identity) {
    const auto start = Clock::now();
    auto dialogue = make_dialogue(options_.transport, client, options_.scope, identity.name);
    MUSTER_CO_CHECK(co_await dialogue->begin());
    auto reply = co_await dialogue->register_device();
    for (bool first = true;; first = false) {
        if (!reply) co_return std::unexpected(std::move(reply).error());
        ++result_.requests;
        if (first) result_.registration.push_back(micros_since(start));
        json::object said;
        const auto state = state_of(*reply, said);
        const bool final = state != "assigning" && state != "unassigned";
        if (final || options_.reconnect_to_poll) co_await dialogue->end();
        if (state == "assigned" || state == "disabled") co_return state;
        if (final) co_return fail(Errc::forbidden, "{}", state);
        co_await rest(*reply);
        if (options_.reconnect_to_poll || !dialogue->usable()) {
            MUSTER_CO_CHECK(co_await client.connect(identity));
            dialogue = make_dialogue(options_.transport, client, options_.scope, identity.name);
            MUSTER_CO_CHECK(co_await dialogue->begin());
        }
        reply = co_await dialogue->operation_status(string_or(said, "operationId"));
    }
}

}  // namespace

Result<LoadResult> run_load(const Destination& destination, Fleet& fleet, const LoadOptions& options,
                            const std::function<void(std::size_t)>& progress) {
    LoadResult result;
    Load load(destination, options, result);
    for (std::size_t at = 0; at < options.devices; at += batch_size) {
        std::vector<DeviceIdentity> batch;
        for (std::size_t i = at; i < std::min(options.devices, at + batch_size); ++i) {
            MUSTER_TRY(auto identity, fleet.device(options.first + i));
            batch.push_back(std::move(identity));
        }
        const auto start = Clock::now();
        const auto cpu = cpu_seconds();
        load.run(std::move(batch));
        result.seconds += std::chrono::duration<double>(Clock::now() - start).count();
        result.client_cpu_seconds += cpu_seconds() - cpu;
        progress(std::min(options.devices, at + batch_size));
    }
    return result;
}

}  // namespace muster::cli::simulate
