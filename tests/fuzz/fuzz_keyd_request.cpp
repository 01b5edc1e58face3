// Requests to keyd: the first line is "METHOD target", the rest the body. Every answer is one that the API knows, and
// an error says why. The caller may use ids that begin with "a" alone. rooms: base pki net edge/common edge/service
// edge/keyd
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <string>

#include "base/log.h"
#include "edge/keyd/routes.h"
#include "edge/service/settings.h"
#include "net/reactor.h"

namespace {

using namespace muster;
using namespace muster::edge;

constexpr uid_t caller = 1000;

void require(bool holds) {
    if (!holds) std::abort();
}

std::filesystem::path fresh_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "fuzz-keyd-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr);
    return pattern;
}

// keyd without its socket.
struct Daemon {
    std::filesystem::path home = fresh_directory();
    SystemRandom random;
    Principals principals =
        Principals::from_settings(parse_toml("[[principal]]\nuid = 1000\nkeys = [\"a*\"]\n", "fuzz").value(), "keys")
            .value();
    keyd::Keys keys{keyd::KeyStore(keyd::KeyFiles(home, {}), nullptr, random), principals, random};
    net::Reactors worker{1};
    std::unique_ptr<Router> router;

    Daemon() {
        log::set_level(log::Level::error);
        require(keys.start().has_value());
        worker.start();
        router = keyd::make_router(keys, {worker.at(0)}, {});
        static const auto place = home;
        static_cast<void>(std::atexit([] {
            std::error_code ignored;
            std::filesystem::remove_all(place, ignored);
        }));
    }
};

net::HttpRequest read_request(std::string_view text) {
    net::HttpRequest request;
    const auto line = text.substr(0, text.find('\n'));
    request.body = line.size() == text.size() ? std::string() : std::string(text.substr(line.size() + 1));
    request.method = std::string(line.substr(0, line.find(' ')));
    request.target = line.size() == request.method.size() ? "/" : std::string(line.substr(request.method.size() + 1));
    request.headers.add("Content-Type", "application/json");
    return request;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    // Never destroyed: its thread would end after OpenSSL has, and what OpenSSL keeps for it count as leaked.
    static Daemon& daemon = *new Daemon;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // Making RSA keys is slow and not what is looked for here.
    if (text.find("rsa") != std::string_view::npos) return 0;
    const auto request = read_request(text);
    net::Peer peer;
    peer.credentials = net::PeerCredentials{caller, caller, 1};
    const auto response = net::run_blocking(daemon.router->handle(request, peer));
    static const std::set<int> known{200, 204, 400, 401, 404, 422, 500};
    require(known.contains(response.status));
    if (response.status >= 300) require(!string_or(parse_json_object(response.body).value(), "message").empty());
    // A path longer than the system takes is the one way to a 500: ids are bounded so that there is none.
    require(response.status != 500);
    static int count = 0;
    if (++count % 512 == 0) std::filesystem::remove_all(daemon.home / "keys");
    return 0;
}
