// The HTTP rules of facts/device.md 3.2, as curl sees them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "device.h"

namespace muster::edge {
namespace {

using testing::Device;

class Rules : public ::testing::Test {
protected:
    Rules() {
        device.write_settings(Service::keyd, "max_requests = 2\n");
        device.start(Service::keyd);
    }
    std::string curl(const std::string& arguments) const { return device.curl(Service::keyd, arguments); }
    Device device;
};

TEST_F(Rules, TheVersionMustBeGivenAndKnown) {
    EXPECT_EQ(curl("http://keyd/key/k"), R"({"message":"api-version not specified"} 400)");
    EXPECT_TRUE(curl("'http://keyd/key/k?api-version=2019-01-01'").ends_with(" 400"));
    EXPECT_TRUE(curl("'http://keyd/key/k?API-Version=2020-09-01'").find("not found") != std::string::npos);
    // The move of a key pair came with 2021-05-01.
    const std::string move =
        "-X POST -H 'Content-Type: application/json' -d '{\"from\":\"x\"}' 'http://keyd/keypair/y?api-version=";
    EXPECT_TRUE(curl(move + "2020-09-01'").find("needs api-version 2021-05-01") != std::string::npos);
    EXPECT_TRUE(curl(move + "2021-05-01'").find("not found") != std::string::npos);
}

TEST_F(Rules, WhatIsQuotedIsTextWhateverWasSent) {
    const auto answer = curl("'http://keyd/key/k?api-version=%c3%a9%c3'");
    EXPECT_EQ(answer.find("invalid api-version"), std::string("{\"message\":\"").size()) << answer;
    EXPECT_NE(answer.find("\xc3\xa9\\\\xc3"), std::string::npos) << answer;
}

TEST_F(Rules, PathsAndVerbs) {
    EXPECT_TRUE(curl("'http://keyd/nowhere?api-version=2020-09-01'").ends_with(" 404"));
    EXPECT_TRUE(curl("'http://keyd/key/k/more?api-version=2020-09-01'").ends_with(" 404"));
    EXPECT_TRUE(curl("-X PATCH 'http://keyd/key/k?api-version=2020-09-01'").ends_with(" 400"));
    EXPECT_TRUE(curl("'http://keyd/sign?api-version=2020-09-01'").ends_with(" 400"));
}

TEST_F(Rules, ContentTypeAndBody) {
    const std::string url = " 'http://keyd/key?api-version=2020-09-01'";
    const std::string json = "-X POST -H 'Content-Type: application/json' -d ";
    EXPECT_TRUE(curl("-X POST -d '{}'" + url).ends_with(" 415"));
    EXPECT_TRUE(curl("-X POST -H 'Content-Type:' -d '{}'" + url).ends_with(" 415"));
    EXPECT_TRUE(curl(json + "'{'" + url).ends_with(" 422"));
    EXPECT_TRUE(curl(json + "'[]'" + url).ends_with(" 422"));
    EXPECT_TRUE(curl(json + "'{}'" + url).find(R"(lacks the member \"keyId\")") != std::string::npos);
    EXPECT_TRUE(curl(json + R"('{"keyId":1,"usage":"encrypt"}')" + url).ends_with(" 422"));
    EXPECT_TRUE(curl(json + R"('{"keyId":"k","usage":"nonsense"}')" + url).ends_with(" 400"));
    const std::string charset = "-X POST -H 'Content-Type: application/json; charset=utf-8' -d ";
    EXPECT_TRUE(curl(charset + R"('{"keyId":"k","usage":"encrypt"}')" + url).ends_with(" 200"));
}

TEST_F(Rules, AnErrorHasItsCauses) {
    const std::string url = " 'http://keyd/key?api-version=2020-09-01'";
    const auto answer =
        curl(R"(-X POST -H 'Content-Type: application/json' -d '{"keyId":"k","keyBytes":"*","usage":"sign"}')" + url);
    EXPECT_EQ(answer, R"({"message":"parameter \"keyBytes\" has an invalid value: it is not base64"} 400)");
}

int connect_raw(const Device& device) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    device.paths().socket(Service::keyd).string().copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
}

std::string read_all(int fd) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t got; (got = ::read(fd, buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(got));
    ::close(fd);
    return text;
}

TEST_F(Rules, ABodyThatDoesNotComeIs408) {
    const int fd = connect_raw(device);
    const std::string_view head =
        "POST /key?api-version=2020-09-01 HTTP/1.1\r\nHost: k\r\nContent-Type: application/json\r\n"
        "Content-Length: 10\r\n\r\n{";
    ASSERT_EQ(::write(fd, head.data(), head.size()), static_cast<ssize_t>(head.size()));
    const auto begun = std::chrono::steady_clock::now();
    const auto answer = read_all(fd);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 408")) << answer;
    EXPECT_NE(answer.find(R"({"message":)"), std::string::npos) << answer;
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_GT(took, std::chrono::seconds(4));
    EXPECT_LT(took, std::chrono::seconds(30));
}

TEST_F(Rules, TooMuchAtOnceWaitsInLineThenIsToldSo) {
    // Two run (RSA keys take a while), 64 wait, the rest is told to come again; nobody is cut off.
    const std::string body = R"({"keyId":"big","preferredAlgorithms":"rsa-4096"})";
    const auto request = fmt::format(
        "POST /keypair?api-version=2020-09-01 HTTP/1.1\r\nHost: k\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
        body.size(), body);
    std::vector<int> connections;
    for (int i = 0; i < 80; ++i) {
        connections.push_back(connect_raw(device));
        ASSERT_GT(::write(connections.back(), request.data(), request.size()), 0);
    }
    int served = 0;
    int told = 0;
    for (const int fd : connections) {
        const auto answer = read_all(fd);
        served += answer.starts_with("HTTP/1.1 200") ? 1 : 0;
        told += answer.starts_with("HTTP/1.1 429") && answer.find("Retry-After: 1") != std::string::npos ? 1 : 0;
    }
    EXPECT_EQ(served + told, 80);
    EXPECT_GE(served, 66);
}

}  // namespace
}  // namespace muster::edge
