#include "test_server.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/random.h"

namespace muster::net {
namespace {

std::filesystem::path make_folder() {
    SystemRandom random;
    auto folder = std::filesystem::temp_directory_path() / ("muster-net-" + random.guid().substr(0, 8));
    std::filesystem::create_directories(folder);
    return folder;
}

std::string describe(const Peer& peer) {
    std::string text = fmt::format("tls={} sni={} certificates={}", peer.tls, peer.server_name, peer.chain.size());
    for (const auto& certificate : peer.chain) text += " " + certificate.common_name();
    if (peer.credentials) text += fmt::format(" uid={} pid={}", peer.credentials->uid, peer.credentials->pid);
    return text;
}

}  // namespace

TestServer::TestServer(HttpLimits limits, unsigned reactors)
    : folder_(make_folder()),
      slow_(std::min<std::chrono::milliseconds>(2 * limits.request, std::chrono::seconds(2))),
      reactors_(reactors),
      server_(
          reactors_, [this](const HttpRequest& request, const Peer& peer) { return handle(request, peer); }, limits) {
    reactors_.start();
}

TestServer::~TestServer() {
    let_go();
    server_.drain(std::chrono::seconds(2));
    reactors_.stop();
    std::filesystem::remove_all(folder_);
}

bool TestServer::wait_for_held(int count) const {
    for (int i = 0; i < 10'000 && held_ < count; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return held_ >= count;
}

std::uint16_t TestServer::plain() {
    return server_.listen_plain("127.0.0.1:0").value();
}

std::uint16_t TestServer::tls(const Identity& identity) {
    tls_ = ServerTls::create(identity.chain_pem(), identity.key_pem()).value();
    return server_.listen_tls("127.0.0.1:0", tls_).value();
}

Task<HttpResponse> TestServer::handle(const HttpRequest& request, const Peer& peer) {
    HttpResponse response;
    response.headers.add("Content-Type", "text/plain");
    const auto path = request.path();
    if (path == "/echo") response.body = fmt::format("{} {} {}", request.method, request.target, request.body);
    if (path == "/peer") response.body = describe(peer);
    if (path == "/big") response.body.assign(1024 * 1024, 'x');
    if (path == "/throw") throw std::runtime_error("a defect");
    if (path == "/inject") response.headers.add("X-Test", "a\r\nSet-Cookie: b");
    if (path == "/none") response.status = 204;
    if (path == "/slow") {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, slow_);
        co_await timer.async_wait(boost::asio::use_awaitable);
        response.body = "slept";
    }
    if (path == "/held") {
        for (++held_; !is_let_go_;) {
            boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::milliseconds(2));
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
        response.body = "let go";
    }
    co_return response;
}

}  // namespace muster::net
