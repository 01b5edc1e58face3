#include "net/lookup.h"

#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/this_coro.hpp>

#include <atomic>
#include <cstring>
#include <memory>
#include <thread>

#include "net/listen.h"

namespace muster::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// What the thread finds. It shares nothing else with the one who asked, who may be gone before it ends.
struct Answer {
    std::vector<tcp::endpoint> endpoints;
    int error = 0;
    std::atomic<bool> ready = false;
};

std::vector<tcp::endpoint> to_endpoints(const addrinfo* found) {
    std::vector<tcp::endpoint> out;
    for (; found != nullptr; found = found->ai_next) {
        tcp::endpoint endpoint;
        if (found->ai_addrlen > endpoint.capacity()) continue;
        std::memcpy(endpoint.data(), found->ai_addr, found->ai_addrlen);
        endpoint.resize(found->ai_addrlen);
        out.push_back(endpoint);
    }
    return out;
}

void ask_system(const std::string& host, std::uint16_t port, Answer& answer) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const auto service = std::to_string(port);
    answer.error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    // Without any network, AI_ADDRCONFIG hides even the loopback names.
    if (answer.error == EAI_NONAME || answer.error == EAI_ADDRFAMILY) {
        hints.ai_flags = AI_NUMERICSERV;
        answer.error = ::getaddrinfo(host.c_str(), service.c_str(), &hints, &found);
    }
    if (answer.error != 0) return;
    answer.endpoints = to_endpoints(found);
    ::freeaddrinfo(found);
}

}  // namespace

Task<Result<std::vector<tcp::endpoint>>> look_up(std::string host, std::uint16_t port, Deadline& deadline) {
    boost::system::error_code not_numeric;
    const auto address = asio::ip::make_address(host, not_numeric);
    if (!not_numeric) co_return std::vector{tcp::endpoint(address, port)};

    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) co_return fail(errno_error("cannot look up names", errno));
    const auto executor = co_await asio::this_coro::executor;
    asio::posix::stream_descriptor done(executor, ends[0]);
    const auto answer = std::make_shared<Answer>();
    try {
        std::thread([answer, host, port, write_end = Fd(ends[1])] {
            ask_system(host, port, *answer);
            answer->ready = true;
        }).detach();
    } catch (const std::system_error& e) {
        co_return fail(Errc::unavailable, "cannot look up {}: {}", host, e.code().message());
    }
    // The thread closes its end when it is done.
    deadline.on_passed([&] { done.cancel(); });
    co_await done.async_wait(asio::posix::stream_descriptor::wait_read, asio::as_tuple(asio::use_awaitable));
    deadline.on_passed(nullptr);
    if (!answer->ready) co_return fail(Errc::timeout, "looking up {} took too long", host);
    if (answer->error != 0)
        co_return fail(Errc::unavailable, "cannot look up {}: {}", host, ::gai_strerror(answer->error));
    if (answer->endpoints.empty()) co_return fail(Errc::unavailable, "cannot look up {}: it has no address", host);
    co_return std::move(answer->endpoints);
}

}  // namespace muster::net
