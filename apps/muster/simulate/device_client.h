// One simulated device's connection: fresh TCP, a full mutual TLS handshake, bytes both ways, the end.
#pragma once

#include <openssl/types.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <string>

#include "base/error.h"
#include "base/task.h"
#include "muster/simulate/fleet.h"
#include "muster/simulate/pipe.h"
#include "net/stream.h"

namespace muster::cli::simulate {

// Where the devices go, made once for all of them.
struct Destination {
    sockaddr_storage address{};
    socklen_t address_size = 0;
    std::string host;         // name in TLS
    std::string host_header;  // with the port when it is not 443
    std::shared_ptr<SSL_CTX> tls;
};

// Looks up `connect_to` ("host:port") and sets up TLS that trusts `ca_pem`, or the system's store when it is empty.
Result<Destination> make_destination(const std::string& host, std::uint16_t port, const std::string& connect_to,
                                     const std::string& ca_pem);

class DeviceClient final : public Pipe {
public:
    DeviceClient(const boost::asio::any_io_executor& executor, const Destination& destination)
        : executor_(executor), destination_(destination) {}

    // TCP and TLS. Any earlier connection is closed.
    Task<Result<>> connect(const DeviceIdentity& identity);
    Task<Result<std::string>> read() override;
    Task<Result<>> write(std::string_view bytes) override;
    const std::string& host_header() const override { return destination_.host_header; }
    void close();
    // Ends what is being waited for; the step then fails with Errc::timeout.
    void give_up();

private:
    Task<Result<>> connect_tcp();
    Task<Result<>> shake_hands(const DeviceIdentity& identity);
    Error failure(const char* step) const;

    boost::asio::any_io_executor executor_;
    const Destination& destination_;
    std::unique_ptr<net::Stream> stream_;
    bool given_up_ = false;
};

}  // namespace muster::cli::simulate
