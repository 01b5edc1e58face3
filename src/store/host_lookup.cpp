#include "store/host_lookup.h"

#include <netdb.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/owner.h"

namespace muster::store {
namespace {

using Found = std::unique_ptr<addrinfo, Freer<::freeaddrinfo>>;

HostLookup::Addresses ask_system(const std::string& host) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* first = nullptr;
    const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &first);
    const Found found(first);
    if (error != 0) return fail(Errc::unavailable, "{}", ::gai_strerror(error));
    std::vector<std::string> addresses;
    for (const auto* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
        std::array<char, NI_MAXHOST> text{};
        if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
            addresses.emplace_back(text.data());
    }
    return addresses;
}

Error not_found(const std::string& host, const std::string& why) {
    return Error(Errc::unavailable, fmt::format("the database's host {} cannot be looked up: {}", host, why))
        .with_hint(
            "check the name, and the name servers of this machine; with hostaddr=ADDRESS beside host= none is "
            "asked");
}

}  // namespace

struct HostLookup::State {
    struct Asked {
        StopSignal done;
        std::optional<Addresses> outcome;  // under the mutex
    };

    explicit State(Resolve given) : resolve(std::move(given)) {}

    // The one under way, or a new one. Nothing when there is no thread to be had.
    static std::shared_ptr<Asked> ask(const std::shared_ptr<State>& state, const std::string& host) {
        const std::lock_guard lock(state->mutex);
        auto& asked = state->under_way[host];
        if (asked) return asked;
        asked = std::make_shared<Asked>();
        auto mine = asked;
        try {
            std::thread([state, host, mine] {
                auto outcome = state->resolve(host);
                const std::lock_guard finished(state->mutex);
                mine->outcome = std::move(outcome);
                state->under_way.erase(host);
                mine->done.raise();
            }).detach();
        } catch (const std::system_error&) {
            state->under_way.erase(host);
            return nullptr;
        }
        return mine;
    }

    const Resolve resolve;
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<Asked>> under_way;  // by host
};

HostLookup::HostLookup(Resolve resolve) : state_(std::make_shared<State>(std::move(resolve))) {}

HostLookup& HostLookup::system() {
    static HostLookup lookup(ask_system);
    return lookup;
}

HostLookup::Addresses HostLookup::find(const std::string& host, std::chrono::milliseconds time,
                                       const StopSignal& interrupted) {
    const auto asked = State::ask(state_, host);
    if (!asked) return fail(not_found(host, "no thread to be had"));
    std::array<pollfd, 2> waits{pollfd{.fd = asked->done.fd(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = interrupted.fd(), .events = POLLIN, .revents = 0}};
    // A signal ends it early, and the lookup is tried again with the connection.
    ::poll(waits.data(), waits.size(), static_cast<int>(time.count()));
    if (waits[1].revents != 0) return fail(Errc::unavailable, "musterd is closing");
    const std::lock_guard lock(state_->mutex);
    if (!asked->outcome) return fail(not_found(host, fmt::format("no answer within {} ms", time.count())));
    const auto& outcome = *asked->outcome;
    if (!outcome) return fail(not_found(host, outcome.error().message()));
    if (outcome->empty()) return fail(not_found(host, "it has no address"));
    return outcome;
}

}  // namespace muster::store
