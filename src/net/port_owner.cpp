#include "net/port_owner.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace muster::net {
namespace {

namespace fs = std::filesystem;

// The sockets listening on `port`, as /proc/PID/fd links name them: "socket:[12345]".
std::vector<std::string> listening_sockets(std::uint16_t port) {
    std::vector<std::string> sockets;
    const auto wanted = fmt::format(":{:04X}", port);
    for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        std::ifstream file(table);
        std::string line;
        std::getline(file, line);  // headings
        while (std::getline(file, line)) {
            std::istringstream fields(line);
            std::string slot, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
            fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
            if (state == "0A" && local.ends_with(wanted)) sockets.push_back(fmt::format("socket:[{}]", inode));
        }
    }
    return sockets;
}

bool holds(const fs::path& process, const std::vector<std::string>& sockets) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(process / "fd", error)) {
        const auto target = fs::read_symlink(entry.path(), error);
        if (!error && std::find(sockets.begin(), sockets.end(), target.string()) != sockets.end()) return true;
    }
    return false;
}

}  // namespace

std::string port_owner(std::uint16_t port) {
    const auto sockets = listening_sockets(port);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator("/proc", error)) {
        const auto name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (sockets.empty() || !holds(entry.path(), sockets)) continue;
        std::ifstream file(entry.path() / "comm");
        std::string program;
        std::getline(file, program);
        return fmt::format("{} (process {})", program, name);
    }
    return "another program";
}

}  // namespace muster::net
