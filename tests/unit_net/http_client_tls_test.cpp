#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/http_client.h"
#include "raw_client.h"
#include "test_server.h"

namespace muster::net {
namespace {

using testing::HasSubstr;

class ClientTlsTest : public testing::Test {
protected:
    Identity server_identity(const std::string& name = "localhost", Dates dates = {}) {
        return make_identity(authority_, pki::Profile::server, name, "ec:p256", dates);
    }

    std::shared_ptr<ClientTls> trusting(const Identity* identity = nullptr) {
        auto tls = std::make_shared<ClientTls>();
        tls->trust_system_store = false;
        tls->extra_ca_pem = {authority_.chain.back().pem()};
        if (identity) {
            tls->chain = identity->chain;
            tls->key = pki::share(identity->key.get());
        }
        return tls;
    }

    Result<HttpResponse> ask(const std::string& url, std::shared_ptr<ClientTls> tls, ClientOptions options = {}) {
        return HttpClient::create(url, std::move(tls), options).value()->send_blocking({"GET", "/peer", {}, {}});
    }

    TestServer server_;
    Identity authority_ = make_authority("Server CA");
};

TEST_F(ClientTlsTest, ShowsItsChain) {
    const auto port = server_.tls(server_identity());
    const auto fleet = make_authority("Fleet");
    const auto device = make_identity(fleet, pki::Profile::client, "device-1");
    const auto answer = ask(fmt::format("https://localhost:{}", port), trusting(&device));
    ASSERT_TRUE(answer) << answer.error().chain();
    EXPECT_EQ(answer->body, "tls=true sni=localhost certificates=2 device-1 Fleet");
}

TEST_F(ClientTlsTest, ChecksAddressesAndSendsThemNotAsNames) {
    const auto port = server_.tls(server_identity());
    const auto answer = ask(fmt::format("https://127.0.0.1:{}", port), trusting());
    ASSERT_TRUE(answer) << answer.error().chain();
    EXPECT_THAT(answer->body, HasSubstr("sni= certificates=0"));
}

TEST_F(ClientTlsTest, ConnectsElsewhere) {
    const auto port = server_.tls(server_identity("plant.example"));
    ClientOptions options;
    options.connect_to = fmt::format("127.0.0.1:{}", port);
    const auto answer = ask("https://plant.example", trusting(), options);
    ASSERT_TRUE(answer) << answer.error().chain();
    EXPECT_THAT(answer->body, HasSubstr("sni=plant.example"));
}

TEST_F(ClientTlsTest, KeepsTheConnectionAcrossLoops) {
    const auto port = server_.tls(server_identity());
    auto client = HttpClient::create(fmt::format("https://localhost:{}", port), trusting()).value();
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(client->send_blocking({"GET", "/echo", {}, {}}));
    EXPECT_EQ(server_.server().statistics().connections_total, 1);
    server_.server().drain(std::chrono::seconds(1));
    EXPECT_EQ(client->send_blocking({"GET", "/echo", {}, {}}).error().code(), Errc::unavailable);
}

TEST_F(ClientTlsTest, SaysWhyAServerIsNotTrusted) {
    const auto port = server_.tls(server_identity());
    const auto url = fmt::format("https://localhost:{}", port);
    auto nothing = std::make_shared<ClientTls>();
    nothing->trust_system_store = false;
    const auto untrusted = ask(url, nothing);
    ASSERT_FALSE(untrusted);
    EXPECT_EQ(untrusted.error().code(), Errc::unauthorized);
    EXPECT_THAT(untrusted.error().message(), HasSubstr("CN=Server CA"));
    EXPECT_THAT(untrusted.error().hint(), HasSubstr("muster trust"));

    ClientOptions options;
    options.connect_to = fmt::format("127.0.0.1:{}", port);
    const auto misnamed = ask("https://other.example", trusting(), options);
    EXPECT_EQ(misnamed.error().code(), Errc::unauthorized);
    EXPECT_THAT(misnamed.error().message(), HasSubstr("is for other names than other.example"));
    EXPECT_EQ(misnamed.error().hint(), "");
}

TEST_F(ClientTlsTest, SaysThatACertificateIsOutOfDate) {
    const auto expired =
        ask(fmt::format("https://localhost:{}", server_.tls(server_identity("localhost", {-10, -5}))), trusting());
    EXPECT_EQ(expired.error().code(), Errc::unauthorized);
    EXPECT_THAT(expired.error().message(), HasSubstr("CN=localhost expired on 20"));
    const auto early =
        ask(fmt::format("https://localhost:{}", server_.tls(server_identity("localhost", {5, 10}))), trusting());
    EXPECT_THAT(early.error().message(), HasSubstr("clock"));
}

TEST_F(ClientTlsTest, TrustsAnIntermediateAlone) {
    const auto middle = make_identity(authority_, pki::Profile::intermediate_ca, "Middle");
    auto identity = make_identity(middle, pki::Profile::server, "localhost");
    identity.chain.erase(identity.chain.begin() + 1, identity.chain.end());
    auto tls = trusting();
    tls->extra_ca_pem = {middle.chain.front().pem()};
    EXPECT_TRUE(ask(fmt::format("https://localhost:{}", server_.tls(identity)), tls));
}

TEST_F(ClientTlsTest, NamesWhatIsNotThere) {
    // A port that was just free.
    std::uint16_t port = 0;
    {
        TestServer gone;
        port = gone.plain();
    }
    const auto refused = ask(fmt::format("https://localhost:{}", port), trusting());
    EXPECT_EQ(refused.error().code(), Errc::unavailable);
    EXPECT_THAT(refused.error().message(), HasSubstr("refused"));
    EXPECT_EQ(ask("https://does-not-exist.invalid", trusting()).error().code(), Errc::unavailable);
    const auto plain = ask(fmt::format("https://localhost:{}", server_.plain()), trusting());
    EXPECT_EQ(plain.error().code(), Errc::unavailable);
    EXPECT_THAT(plain.error().message(), HasSubstr("TLS handshake"));
}

TEST_F(ClientTlsTest, GivesUpOnASilentServer) {
    // Accepts connections (the kernel does) and never says a word.
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(fd, 4), 0);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ClientOptions options;
    options.connect = std::chrono::milliseconds(100);
    EXPECT_EQ(ask(fmt::format("https://localhost:{}", ntohs(address.sin_port)), trusting(), options).error().code(),
              Errc::timeout);
    ::close(fd);
}

// A proxy for one connection: reads the CONNECT, answers, and relays.
class OneProxy {
public:
    OneProxy(std::uint16_t destination, std::string answer) {
        boost::asio::ip::tcp::acceptor acceptor(loop_, {boost::asio::ip::address_v4::loopback(), 0});
        port_ = acceptor.local_endpoint().port();
        thread_ =
            std::thread([this, acceptor = std::move(acceptor), destination, answer = std::move(answer)]() mutable {
                boost::system::error_code error;
                auto client = acceptor.accept();
                while (!asked_.ends_with("\r\n\r\n")) {
                    char byte = 0;
                    if (client.read_some(boost::asio::buffer(&byte, 1), error) == 0) return;
                    asked_.push_back(byte);
                }
                client.write_some(boost::asio::buffer(answer), error);
                if (answer.starts_with("HTTP/1.1 200")) relay(client, destination);
            });
    }
    ~OneProxy() { thread_.join(); }
    std::uint16_t port() const { return port_; }
    const std::string& asked() const { return asked_; }

private:
    void relay(boost::asio::ip::tcp::socket& client, std::uint16_t destination) {
        boost::asio::ip::tcp::socket server(loop_);
        server.connect({boost::asio::ip::address_v4::loopback(), destination});
        std::thread back([&] { copy(server, client); });
        copy(client, server);
        back.join();
    }
    static void copy(boost::asio::ip::tcp::socket& from, boost::asio::ip::tcp::socket& to) {
        std::array<char, 4096> buffer{};
        boost::system::error_code error;
        while (const auto got = from.read_some(boost::asio::buffer(buffer), error)) {
            std::size_t sent = 0;
            while (sent < got && !error)
                sent += to.write_some(boost::asio::buffer(buffer.data() + sent, got - sent), error);
        }
        to.shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
    }

    boost::asio::io_context loop_;
    std::uint16_t port_ = 0;
    std::string asked_;
    std::thread thread_;
};

TEST_F(ClientTlsTest, GoesThroughAProxy) {
    const auto port = server_.tls(server_identity("plant.example"));
    OneProxy proxy(port, "HTTP/1.1 200 Connection established\r\n\r\n");
    ClientOptions options;
    options.proxy = fmt::format("http://user:p%40ss@127.0.0.1:{}", proxy.port());
    {
        const auto answer = ask("https://plant.example", trusting(), options);
        ASSERT_TRUE(answer) << answer.error().chain();
    }
    EXPECT_THAT(proxy.asked(), HasSubstr("CONNECT plant.example:443 HTTP/1.1\r\n"));
    EXPECT_THAT(proxy.asked(), HasSubstr("Proxy-Authorization: Basic dXNlcjpwQHNz\r\n"));
}

TEST_F(ClientTlsTest, SaysWhatAProxyRefused) {
    OneProxy proxy(0, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    ClientOptions options;
    options.proxy = fmt::format("127.0.0.1:{}", proxy.port());
    EXPECT_THAT(ask("https://plant.example", trusting(), options).error().message(), HasSubstr("status 407"));
}

}  // namespace
}  // namespace muster::net
