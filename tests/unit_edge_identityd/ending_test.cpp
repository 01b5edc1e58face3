// identityd ends when it is told to, whatever it waits for.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <gmock/gmock.h>

#include <array>
#include <future>

#include "identity_fixture.h"

namespace muster::edge::testing {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A port before the cloud's: the first connection is passed on once `meanwhile` has been done.
class Doorman {
public:
    Doorman(const std::string& cloud, std::function<void()> meanwhile)
        : port_(cloud.substr(cloud.find(':') + 1)), meanwhile_(std::move(meanwhile)), thread_([this] { pass_on(); }) {}
    ~Doorman() { thread_.join(); }
    std::string address() const { return fmt::format("localhost:{}", listener_.local_endpoint().port()); }

private:
    void pass_on() {
        tcp::socket from(loop_), to(loop_);
        listener_.accept(from);
        meanwhile_();
        asio::connect(to, tcp::resolver(loop_).resolve("localhost", port_));
        std::thread back([&] { copy(to, from); });
        copy(from, to);
        back.join();
    }
    static void copy(tcp::socket& from, tcp::socket& to) {
        std::array<char, 4096> buffer{};
        boost::system::error_code error;
        while (!error) {
            const auto got = from.read_some(asio::buffer(buffer), error);
            if (!error) asio::write(to, asio::buffer(buffer, got), error);
        }
        to.shutdown(tcp::socket::shutdown_both, error);
    }

    asio::io_context loop_;
    tcp::acceptor listener_{loop_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    std::string port_;
    std::function<void()> meanwhile_;
    std::thread thread_;
};

// The connections at a socket, those included that nobody has taken yet.
std::size_t connections_at(const std::filesystem::path& socket) {
    const auto all = read_file("/proc/net/unix").value_or("");
    std::size_t found = 0;
    for (auto at = all.find(socket.string()); at != all.npos; at = all.find(socket.string(), at + 1)) ++found;
    return found;
}

TEST_F(IdentityTest, EndsWhileKeydDoesNotSign) {
    write_credentials("dev");
    device.start(Service::keyd);
    device.start(Service::certd);
    const auto socket = device.paths().socket(Service::keyd);
    std::promise<std::size_t> stopped;
    {
        // By now identityd has found its key, and needs a signature for the handshake.
        Doorman doorman(cloud.address(), [&] {
            ::kill(device.pid(Service::keyd), SIGSTOP);
            stopped.set_value(connections_at(socket));
        });
        write_identity_settings_for(doorman.address());
        device.start(Service::identityd);
        const auto before = stopped.get_future().get();
        for (int tries = 0; tries < 1000 && connections_at(socket) <= before; ++tries)
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        device.stop(Service::identityd, SIGTERM);
    }
    ::kill(device.pid(Service::keyd), SIGCONT);
    EXPECT_THAT(log(), ::testing::HasSubstr("a call does not come back"));
}

}  // namespace
}  // namespace muster::edge::testing
