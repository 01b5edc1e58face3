#include "device.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "pki/issue.h"

namespace muster::edge {
namespace {

int exit_code_of(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string slurp(const std::filesystem::path& path) {
    const auto text = read_file(path);
    return text ? *text : std::string();
}

}  // namespace

void Device::SetUp() {
    char name[] = "/tmp/muster-dev-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    paths_ = Paths(root_);
    std::filesystem::create_directories(root_ / "etc/aziot");
    SystemRandom random;
    auto key = pki::PrivateKey::generate({});
    pki::IssueRequest request;
    request.common_name = "press-7";
    request.not_before = SystemClock().now() - std::chrono::minutes(5);
    request.not_after = request.not_before + std::chrono::days(30);
    const auto leaf = pki::issue(request, *key->public_key(), nullptr, &*key, random);
    ASSERT_TRUE(leaf) << leaf.error().chain();
    ASSERT_TRUE(write_file_atomic(root_ / "chain.pem", leaf->pem(), 0644));
    ASSERT_TRUE(write_file_atomic(root_ / "key.pem", key->to_pem()->text(), 0600));
    write_config();
}

void Device::TearDown() {
    if (supervisor_ != 0) stop_supervisor(SIGTERM);
    std::filesystem::remove_all(root_);
}

void Device::write_config(const std::string& extra) const {
    // Port 9 is nobody's: the device stays unprovisioned, which is all that these tests need.
    const auto text = fmt::format(R"(hostname = "press-7"

[provisioning]
source = "dps"
global_endpoint = "https://127.0.0.1:9"
id_scope = "0ne00ABCDEF"

[provisioning.attestation]
method = "x509"
registration_id = "press-7"
identity_cert = "file://{0}/chain.pem"
identity_pk = "file://{0}/key.pem"
{1})",
                                  root_.string(), extra);
    ASSERT_TRUE(write_file_atomic(root_ / "etc/aziot/config.toml", text, 0600));
}

pid_t Device::start(const std::string& program, const std::vector<std::string>& arguments) const {
    const auto path = std::string(MUSTER_BIN_DIR) + "/" + program;
    const pid_t pid = fork();
    if (pid != 0) return pid;
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    setenv("MUSTER_DEVICE_ROOT", root_.c_str(), 1);
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    dup2(open((root_ / (program + ".out")).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
    dup2(open((root_ / (program + ".err")).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
    execv(path.c_str(), pointers.data());
    _exit(127);
}

Ran Device::run(const std::string& program, const std::vector<std::string>& arguments) const {
    Ran ran;
    ran.exit_code = exit_code_of(start(program, arguments));
    ran.out = slurp(root_ / (program + ".out"));
    ran.err = slurp(root_ / (program + ".err"));
    return ran;
}

Ran Device::iotedge(const std::vector<std::string>& arguments) const {
    return run("iotedge", arguments);
}

void Device::supervise() {
    supervisor_ = start("aziotd", {"run"});
    ASSERT_TRUE(eventually([&] { return iotedge({"system", "status"}).exit_code == 0; }))
        << slurp(root_ / "aziotd.err");
}

int Device::stop_supervisor(int signal) {
    kill(supervisor_, signal);
    const int code = exit_code_of(supervisor_);
    supervisor_ = 0;
    return code;
}

bool Device::eventually(const std::function<bool()>& holds, std::chrono::seconds patience) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
        if (holds()) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return holds();
}

bool Device::all_running() const {
    const auto text = status();
    return text.find("Down") == std::string::npos && text.find("aziot-certd             Running") != std::string::npos;
}

pid_t Device::pid_of(const std::string& service) const {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto pid = parse_integer<pid_t>(entry.path().filename().string());
        if (!pid) continue;
        const auto command = slurp(entry.path() / "cmdline");
        if (command.substr(0, command.find('\0')) != service) continue;
        // Other tests' devices have services of the same name.
        if (slurp(entry.path() / "environ").find("MUSTER_DEVICE_ROOT=" + root_.string()) != std::string::npos)
            return *pid;
    }
    return 0;
}

}  // namespace muster::edge
