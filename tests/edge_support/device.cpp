#include "device.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "edge/service/state_files.h"
#include "net/http_client.h"
#include "pki/issue.h"

namespace muster::edge::testing {
namespace {

std::filesystem::path fresh_directory() {
    std::string pattern = "/tmp/muster-device-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    return pattern;
}

[[noreturn]] void become(Service service, const std::string& root, const std::string& log) {
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(out, STDERR_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::setenv("MUSTER_DEVICE_ROOT", root.c_str(), 1);
    const std::string name(unit_name(service));
    ::execl("/proc/self/exe", name.c_str(), nullptr);
    ::_exit(127);
}

}  // namespace

Identity make_identity(const std::string& name, const pki::KeySpec& spec, const Identity* issuer, bool authority) {
    SystemRandom random;
    auto key = pki::PrivateKey::generate(spec).value();
    pki::IssueRequest request;
    request.profile = authority ? pki::Profile::intermediate_ca : pki::Profile::client_and_server;
    request.common_name = name;
    if (!authority) request.dns_names = {"localhost"};
    request.not_before = SystemClock().now() - std::chrono::minutes(5);
    request.not_after = SystemClock().now() + std::chrono::days(10);
    std::optional<pki::Issuer> signer;
    if (issuer != nullptr) signer.emplace(issuer->certificate, issuer->key);
    auto certificate = pki::issue(request, key.public_key().value(), signer ? &*signer : nullptr, &key, random).value();
    return {std::move(key), std::move(certificate)};
}

Device::Device() : root_(fresh_directory()), paths_(root_) {}

Device::~Device() {
    while (!running_.empty()) stop(running_.begin()->first, SIGKILL);
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
}

std::filesystem::path Device::write(const std::string& name, std::string_view content) const {
    const auto path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    EXPECT_TRUE(write_file_atomic(path, content, 0600));
    return path;
}

void Device::write_settings(Service service, std::string_view toml) const {
    const auto path = paths_.generated_config(short_name(service));
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(write_file_atomic(path, toml, 0600));
}

std::filesystem::path Device::certificate_file(const std::string& id) const {
    return paths_.state_directory(Service::certd) / "certs" / (stored_name(id) + ".cer");
}

std::filesystem::path Device::key_file(const std::string& id) const {
    return paths_.state_directory(Service::keyd) / "keys" / (stored_name(id) + ".key");
}

bool Device::fits(const std::string& certificate_id, const std::string& key_id) const {
    const auto certificate = read_file(certificate_file(certificate_id));
    const auto key = read_file(key_file(key_id));
    if (!certificate || !key) return false;
    return pki::PrivateKey::from_pem(*key)->public_key().value() ==
           pki::parse_chain(*certificate)->front().public_key().value();
}

void Device::start(Service service) {
    const auto log = (root_ / (std::string(short_name(service)) + ".log")).string();
    const pid_t child = ::fork();
    if (child == 0) become(service, root_.string(), log);
    running_[service] = child;
    for (int tries = 0; tries < 1000; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
        if (call(service, "GET", "/").status != 0) return;
        if (::waitpid(child, nullptr, WNOHANG) == child) break;
    }
    ADD_FAILURE() << unit_name(service) << " did not start:\n" << this->log(service);
}

void Device::stop(Service service, int signal) {
    const auto child = running_.at(service);
    running_.erase(service);
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (signal == SIGTERM) EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << log(service);
}

std::string Device::log(Service service) const {
    return read_file(root_ / (std::string(short_name(service)) + ".log")).value_or("");
}

std::string Device::memory_of(Service service) const {
    const auto maps = read_file(fmt::format("/proc/{}/maps", pid(service))).value_or("");
    const int memory = ::open(fmt::format("/proc/{}/mem", pid(service)).c_str(), O_RDONLY | O_CLOEXEC);
    std::string all;
    for (const auto line : split(maps, '\n')) {
        unsigned long begin = 0, end = 0;
        char rights[5] = {};
        if (std::sscanf(std::string(line).c_str(), "%lx-%lx %4s", &begin, &end, rights) != 3 || rights[1] != 'w')
            continue;
        if (end - begin > (1UL << 30)) continue;  // the shadow of a sanitizer, no memory of the daemon's own
        std::string part(end - begin, '\0');
        const auto got = ::pread(memory, part.data(), part.size(), static_cast<off_t>(begin));
        if (got > 0) all.append(part, 0, static_cast<std::size_t>(got));
    }
    ::close(memory);
    return all;
}

long Device::memory(Service service, std::string_view counter) const {
    const auto text = read_file(fmt::format("/proc/{}/smaps_rollup", pid(service))).value_or("");
    const auto line = fmt::format("\n{}:", counter);
    const auto at = text.find(line);
    return at == std::string::npos ? -1 : std::atol(text.c_str() + at + line.size());
}

Answer Device::call(Service service, const std::string& method, const std::string& target,
                    const json::object& body) const {
    const auto client = net::HttpClient::create("unix://" + paths_.socket(service).string()).value();
    net::HttpRequest request;
    request.method = method;
    request.target = target;
    if (!body.empty()) {
        request.headers.add("Content-Type", "application/json");
        request.body = json::serialize(body);
    }
    const auto response = client->send_blocking(std::move(request));
    if (!response) return {0, {{"message", fmt::format("no answer: {}\n{}", response.error().chain(), log(service))}}};
    return {response->status, parse_json_object(response->body).value_or(json::object{})};
}

std::string Device::curl(Service service, const std::string& arguments) const {
    const auto command =
        fmt::format("curl -s -w ' %{{http_code}}' --unix-socket '{}' {}", paths_.socket(service).string(), arguments);
    std::string output;
    FILE* pipe = ::popen(command.c_str(), "r");
    std::array<char, 4096> buffer{};
    for (std::size_t got; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
        output.append(buffer.data(), got);
    ::pclose(pipe);
    return output;
}

}  // namespace muster::edge::testing
