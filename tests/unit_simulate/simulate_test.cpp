// The simulated fleet against a service that answers by script.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "base/json.h"
#include "base/random.h"
#include "muster/simulate/load.h"
#include "muster/simulate/report.h"
#include "net/address.h"
#include "net/http_server.h"
#include "net/reactor.h"
#include "pki/issue.h"

namespace muster::cli::simulate {
namespace {

using testing::Contains;
using testing::Pair;

struct Authority {
    pki::CertificateChain chain;
    pki::PrivateKey key;
};

Authority make(pki::Profile profile, const std::string& name, const Authority* issuer) {
    SystemRandom random;
    pki::IssueRequest request;
    request.profile = profile;
    request.common_name = name;
    if (profile == pki::Profile::server) request.dns_names = {name};
    request.not_before = SystemClock().now() - std::chrono::hours(1);
    request.not_after = request.not_before + std::chrono::days(2);
    auto key = pki::PrivateKey::generate({}).value();
    const auto public_key = key.public_key().value();
    if (!issuer) return {{pki::issue(request, public_key, nullptr, &key, random).value()}, std::move(key)};
    const pki::Issuer by{issuer->chain.front(), issuer->key};
    Authority made{{pki::issue(request, public_key, &by, nullptr, random).value()}, std::move(key)};
    made.chain.insert(made.chain.end(), issuer->chain.begin(), issuer->chain.end());
    return made;
}

std::string pem_of(const pki::PrivateKey& key) {
    return std::string(key.to_pem().value().text());
}

// Registers everyone whose name does not say otherwise: "refused" 401, "disabled", "failed", "silent" never an answer.
class Service {
public:
    Service()
        : server_(reactors_,
                  [this](const net::HttpRequest& request, const net::Peer& peer) { return answer(request, peer); }) {
        reactors_.start();
        auto tls = net::ServerTls::create(server_identity_.chain.front().pem(), pem_of(server_identity_.key)).value();
        port_ = server_.listen_tls("127.0.0.1:0", tls).value();
    }
    ~Service() {
        server_.drain(std::chrono::milliseconds(100));
        reactors_.stop();
    }

    Destination destination() {
        return make_destination("localhost", port_, "127.0.0.1", root_.chain.front().pem()).value();
    }
    std::multiset<std::string> names() const {
        const std::lock_guard lock(mutex_);
        return names_;
    }
    std::uint64_t connections() const { return server_.statistics().connections_total; }

private:
    Task<net::HttpResponse> answer(const net::HttpRequest& request, const net::Peer& peer) {
        net::HttpResponse response;
        const auto name = peer.chain.empty() ? "nobody" : peer.chain.front().common_name();
        if (request.method == "PUT") {
            const std::lock_guard lock(mutex_);
            names_.insert(name);
        }
        response.headers.add("Retry-After", "0");
        response.headers.add("Content-Type", "application/json");
        if (name.starts_with("silent")) {
            boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::seconds(30));
            co_await timer.async_wait(boost::asio::use_awaitable);
        }
        response.status = name.starts_with("refused") ? 401 : request.method == "PUT" ? 202 : 200;
        response.body = body(request, name, peer.chain.size());
        co_return response;
    }

    static std::string body(const net::HttpRequest& request, const std::string& name, std::size_t certificates) {
        if (certificates != 3) return R"({"message":"not three certificates"})";
        if (name.starts_with("refused")) return R"({"errorCode":401002,"message":"Unauthorized"})";
        if (request.method == "PUT") return R"({"operationId":"5.1 a","status":"assigning"})";
        if (name.starts_with("failed")) return R"({"status":"failed","registrationState":{"errorMessage":"no hub"}})";
        return name.starts_with("disabled") ? R"({"status":"disabled"})" : R"({"status":"assigned"})";
    }

    Authority root_ = make(pki::Profile::root_ca, "Server Root", nullptr);
    Authority server_identity_ = make(pki::Profile::server, "localhost", &root_);
    net::Reactors reactors_{1};
    net::HttpServer server_;
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::multiset<std::string> names_;  // of those who asked to register
};

class Simulate : public testing::Test {
protected:
    Simulate() {
        const auto root = make(pki::Profile::root_ca, "Root", nullptr);
        const auto middle = make(pki::Profile::intermediate_ca, "Middle", &root);
        std::filesystem::create_directories(folder_);
        std::ofstream(folder_ / "chain.pem") << pki::to_pem(middle.chain);
        std::ofstream(folder_ / "key.pem") << pem_of(middle.key);
        std::ofstream(folder_ / "root.pem") << pki::to_pem(root.chain);
    }
    ~Simulate() override { std::filesystem::remove_all(folder_); }

    Fleet fleet(const std::string& prefix) {
        return Fleet::issued_by({folder_ / "chain.pem", folder_ / "key.pem"}, prefix).value();
    }

    LoadResult run(const std::string& prefix, LoadOptions options) {
        auto devices = fleet(prefix);
        const auto destination = service_.destination();
        return run_load(destination, devices, options, [](std::size_t) {}).value();
    }

    static LoadOptions ten() {
        LoadOptions options;
        options.devices = 10;
        options.concurrency = 4;
        options.scope = "0ne1";
        return options;
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("muster-simulate-" + SystemRandom().guid());
    Service service_;
};

TEST_F(Simulate, EveryDeviceRegistersOnce) {
    const auto result = run("dev-", ten());
    EXPECT_EQ(result.done, 10);
    EXPECT_EQ(result.requests, 20);
    EXPECT_THAT(result.outcomes, testing::ElementsAre(Pair("assigned", 10)));
    EXPECT_EQ(result.handshake.size(), 10);
    EXPECT_EQ(result.registration.size(), 10);
    EXPECT_EQ(result.total.size(), 10);
    EXPECT_EQ(service_.names().size(), 10);
    EXPECT_THAT(service_.names(), Contains("dev-1"));
    EXPECT_THAT(service_.names(), Contains("dev-10"));
    EXPECT_EQ(service_.connections(), 10);
}

TEST_F(Simulate, PollsOverConnectionsOfTheirOwn) {
    auto options = ten();
    options.reconnect_to_poll = true;
    EXPECT_EQ(run("dev-", options).done, 10);
    EXPECT_EQ(service_.connections(), 20);
}

TEST_F(Simulate, CountsWhatWentWrong) {
    EXPECT_THAT(run("refused-", ten()).outcomes, testing::ElementsAre(Pair("status 401: Unauthorized", 10)));
    EXPECT_THAT(run("failed-", ten()).outcomes, testing::ElementsAre(Pair("failed: no hub", 10)));
    const auto disabled = run("disabled-", ten());
    EXPECT_THAT(disabled.outcomes, testing::ElementsAre(Pair("disabled", 10)));
    EXPECT_EQ(disabled.done, 10);  // an answer is an answer
}

TEST_F(Simulate, GivesUpOnSilence) {
    auto options = ten();
    options.concurrency = 10;
    options.patience = std::chrono::seconds(2);
    const auto result = run("silent-", options);
    EXPECT_EQ(result.done, 0);
    EXPECT_THAT(result.outcomes, testing::ElementsAre(Pair("answer: no answer in time", 10)));
}

TEST_F(Simulate, ShakesHandsAlone) {
    auto options = ten();
    options.handshake_only = true;
    const auto result = run("dev-", options);
    EXPECT_THAT(result.outcomes, testing::ElementsAre(Pair("status 200", 10)));
    EXPECT_TRUE(result.registration.empty());
}

TEST_F(Simulate, SaysWhenTheServerIsNotTrusted) {
    auto devices = fleet("dev-");
    const auto foreign = make(pki::Profile::root_ca, "Foreign", nullptr).chain.front().pem();
    auto destination = service_.destination();
    const auto port = net::parse_host_port(destination.host_header, 443)->port;
    const auto stranger = make_destination("localhost", port, "127.0.0.1", foreign).value();
    const auto result = run_load(stranger, devices, ten(), [](std::size_t) {}).value();
    EXPECT_EQ(result.done, 0);
    EXPECT_THAT(result.outcomes.begin()->first, testing::HasSubstr("is not trusted"));
}

TEST_F(Simulate, ScatteredNumbersAreDistinct) {
    auto devices = fleet("s-");
    devices.scatter();
    std::set<std::string> seen;
    for (std::size_t i = 1; i <= 50; ++i) seen.insert(devices.device(i)->name);
    EXPECT_EQ(seen.size(), 50);
    EXPECT_EQ(seen.begin()->size(), std::string("s-").size() + 9);
}

TEST_F(Simulate, RefusesAKeyThatIsNotTheAuthoritys) {
    const auto refused = Fleet::issued_by({folder_ / "root.pem", folder_ / "key.pem"}, "d");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), Errc::invalid_argument);
    EXPECT_FALSE(Fleet::issued_by({folder_ / "absent.pem", folder_ / "key.pem"}, "d"));
}

TEST_F(Simulate, ReadsTheDevicesThatMusterCertMade) {
    std::filesystem::create_directories(folder_ / "certs");
    std::filesystem::create_directories(folder_ / "private");
    const auto device = fleet("dev-").device(1).value();
    std::ofstream(folder_ / "certs/iot-edge-device-identity-dev-1-full-chain.cert.pem") << pki::to_pem(device.chain);
    std::ofstream(folder_ / "private/iot-edge-device-identity-dev-1.key.pem")
        << pem_of(pki::PrivateKey(pki::share(device.key.get())));
    auto devices = Fleet::read_from(folder_, "dev-");
    EXPECT_EQ(devices.device(1)->chain.size(), 3);
    EXPECT_FALSE(devices.device(2));
}

TEST(Report, ShowsPercentilesAndOutcomes) {
    LoadResult result;
    result.done = 100;
    result.seconds = 2;
    result.outcomes = {{"assigned", 100}};
    for (std::uint32_t i = 1; i <= 100; ++i) result.total.push_back((101 - i) * 1000);
    const auto report = report_json(result);
    const auto& total = report.at("latencyMilliseconds").at("total").as_object();
    EXPECT_EQ(total.at("p50").as_double(), 50);
    EXPECT_EQ(total.at("p99").as_double(), 99);
    EXPECT_EQ(total.at("max").as_double(), 100);
    EXPECT_EQ(report.at("perSecond").as_double(), 50);
    EXPECT_EQ(report.at("outcomes").at("assigned").to_number<int>(), 100);
    EXPECT_THAT(report_text(result), testing::HasSubstr("100 devices in 2.00 s: 50 per second"));
}

}  // namespace
}  // namespace muster::cli::simulate
