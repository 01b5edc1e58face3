#include "software_tpm.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <thread>

#include "base/file.h"
#include "base/random.h"

namespace muster::test {
namespace {

constexpr int lowest_port = 20000;

bool can_bind(int port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    const bool free = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    return free;
}

// The TPM's port, and the next one for its control channel.
int free_pair() {
    SystemRandom random;
    for (;;) {
        const int port = lowest_port + static_cast<int>(random.below(5000)) * 2;
        if (can_bind(port) && can_bind(port + 1)) return port;
    }
}

}  // namespace

SoftwareTpm::SoftwareTpm() : port_(free_pair()) {
    std::string pattern = "/tmp/muster-tpm-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    directory_ = pattern;
    start();
}

SoftwareTpm::~SoftwareTpm() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void SoftwareTpm::start() {
    const auto state = "dir=" + directory_.string();
    const auto server = "type=tcp,port=" + std::to_string(port_);
    const auto control = "type=tcp,port=" + std::to_string(port_ + 1);
    process_ = ::fork();
    if (process_ == 0) {
        const int nothing = ::open("/dev/null", O_RDWR);
        for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(nothing, fd);
        ::execlp("swtpm", "swtpm", "socket", "--tpm2", "--tpmstate", state.c_str(), "--server", server.c_str(),
                 "--ctrl", control.c_str(), "--flags", "not-need-init,startup-clear", nullptr);
        ::_exit(127);
    }
    for (int tries = 0; tries < 2000; ++tries) {
        if (tool_works("tpm2_getrandom 4")) return;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "swtpm does not answer; it is in the Debian packages swtpm and tpm2-tools";
}

void SoftwareTpm::stop() {
    if (process_ == 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
}

std::pair<int, std::string> SoftwareTpm::run(const std::string& command) const {
    const auto line = "cd " + directory_.string() + " && TPM2TOOLS_TCTI='" + tcti() + "' " + command + " 2>&1";
    FILE* pipe = ::popen(line.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer{};
    for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        output.append(buffer.data(), got);
    return {::pclose(pipe), output};
}

std::string SoftwareTpm::tool(const std::string& command) const {
    const auto [code, output] = run(command);
    EXPECT_EQ(code, 0) << command << ": " << output;
    return output;
}

bool SoftwareTpm::tool_works(const std::string& command) const {
    return run(command).first == 0;
}

Bytes SoftwareTpm::read(const std::string& name) const {
    const auto text = read_file(directory_ / name);
    EXPECT_TRUE(text) << name;
    return text ? Bytes(text->begin(), text->end()) : Bytes();
}

void SoftwareTpm::write(const std::string& name, ByteView bytes) const {
    ASSERT_TRUE(write_file_atomic(directory_ / name, as_text(bytes), 0600));
}

}  // namespace muster::test
