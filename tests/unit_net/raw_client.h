// A socket that sends exactly what a test says.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace muster::net {

class RawClient {
public:
    explicit RawClient(std::uint16_t port);
    explicit RawClient(const std::filesystem::path& path);
    ~RawClient();
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    // False when the other side is gone.
    bool send(std::string_view bytes);
    // What arrives until `size` bytes are there, the other side ends, or the time is over.
    std::string read(std::size_t size, std::chrono::milliseconds patience = std::chrono::seconds(20));
    // One answer with Content-Length: header and body.
    std::string read_answer();
    std::string read_to_end(std::chrono::milliseconds patience = std::chrono::seconds(20));
    // True when the other side ended the connection within `patience`.
    bool ended(std::chrono::milliseconds patience = std::chrono::seconds(20));
    int fd() const { return fd_; }

private:
    int fd_;
    bool ended_ = false;
    std::string buffer_;
};

}  // namespace muster::net
