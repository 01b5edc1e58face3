#include "fixture.h"

#include <cstdlib>

#include "base/random.h"
#include "pki/issue.h"

namespace muster::cli {
namespace {

constexpr auto a_day = std::chrono::hours(24);

pki::PrivateKey new_key() {
    return pki::PrivateKey::generate(pki::KeySpec::parse("ec:p256").value()).value();
}

pki::IssueRequest request_for(pki::Profile profile, const char* name) {
    pki::IssueRequest request;
    request.profile = profile;
    request.common_name = name;
    request.not_before = SystemClock().now() - a_day;
    request.not_after = SystemClock().now() + 365 * a_day;
    return request;
}

TestCertificates make_certificates() {
    SystemRandom random;
    const auto ca_key = new_key();
    const auto ca = pki::issue(request_for(pki::Profile::root_ca, "Test root"), ca_key.public_key().value(), nullptr,
                               &ca_key, random)
                        .value();
    const pki::Issuer issuer{ca, ca_key};
    const auto server_key = new_key();
    auto server_request = request_for(pki::Profile::server, "localhost");
    server_request.dns_names = {"localhost"};
    const auto server = pki::issue(server_request, server_key.public_key().value(), &issuer, nullptr, random).value();
    const auto device_key = new_key();
    const auto device = pki::issue(request_for(pki::Profile::client, "dev-1"), device_key.public_key().value(), &issuer,
                                   nullptr, random)
                            .value();
    return {ca.pem(), server.pem(), std::string(server_key.to_pem().value().text()), device.pem(),
            std::string(device_key.to_pem().value().text())};
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "muster-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, std::string_view content) const {
    const auto path = path_ / name;
    EXPECT_TRUE(write_file_atomic(path, content, 0600));
    return path.string();
}

Ran run_command(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment,
                std::optional<std::size_t> columns) {
    Ran ran;
    Io io;
    io.out = [&ran](std::string_view text) { ran.out += text; };
    io.err = [&ran](std::string_view text) { ran.err += text; };
    io.environment = [&environment](const char* name) -> std::optional<std::string> {
        const auto at = environment.find(name);
        return at == environment.end() ? std::nullopt : std::optional(at->second);
    };
    io.columns = columns;
    io.now = test_now();
    Application application(std::move(io));
    ran.code = application.run(std::move(arguments));
    return ran;
}

const TestCertificates& TestCertificates::get() {
    static const TestCertificates certificates = make_certificates();
    return certificates;
}

ScriptedService::ScriptedService(Handler handler) {
    const auto& certificates = TestCertificates::get();
    auto record = [this, handler = std::move(handler)](const net::HttpRequest& request,
                                                       const net::Peer&) -> Task<net::HttpResponse> {
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(request);
        }
        co_return handler(request);
    };
    server_ = std::make_unique<net::HttpServer>(reactors_, std::move(record));
    const auto tls = net::ServerTls::create(certificates.server_chain_pem, certificates.server_key_pem).value();
    port_ = server_->listen_tls("127.0.0.1:0", tls).value();
    reactors_.start();
    directory_.write("server-ca.cert.pem", certificates.ca_pem);
    directory_.write("access-policies.json",
                     R"({"policies":[{"keyName":"owner","primaryKey":"a2V5LW9uZQ==","secondaryKey":"a2V5LXR3bw==",)"
                     R"("rights":["EnrollmentRead","EnrollmentWrite"]},{"keyName":"provisioningreader",)"
                     R"("primaryKey":"cmVhZA==","secondaryKey":"cmVhZDI=","rights":["EnrollmentRead"]}]})");
    directory_.write(
        "endpoints.json",
        fmt::format(R"({{"pid":4711,"hostName":"localhost","idScope":"0ne0000ABCD","https":"127.0.0.1:{}"}})", port_));
}

ScriptedService::~ScriptedService() {
    server_->drain(std::chrono::seconds(1));
    reactors_.stop();
}

std::vector<net::HttpRequest> ScriptedService::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

Ran ScriptedService::run(std::vector<std::string> arguments, std::optional<std::size_t> columns) const {
    arguments.emplace_back("--data-dir");
    arguments.push_back(data_dir());
    return run_command(std::move(arguments), {}, columns);
}

net::HttpResponse json_answer(int status, std::string body) {
    net::HttpResponse response;
    response.status = status;
    response.headers.set("Content-Type", "application/json; charset=utf-8");
    response.body = std::move(body);
    return response;
}

TimePoint test_now() {
    return parse_utc("2026-11-24T07:00:00Z").value();
}

}  // namespace muster::cli
