// What a registration costs behind TLS and HTTP: chain judgement, one durable transaction, one status query. One device
// after another, so each has its commit (and fsync) to itself: the worst case of the writer.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "net/reactor.h"
#include "pki/direct_ec.h"
#include "pki/issue.h"
#include "provisioning/enrollments.h"
#include "provisioning/registration.h"
#include "store/sqlite_driver.h"

namespace {

using namespace muster;

constexpr int devices = 2000;

struct Made {
    pki::Certificate certificate;
    pki::PrivateKey key;
};

Made make(Random& random, TimePoint now, pki::IssueRequest request, const Made* issuer) {
    request.not_before = now - std::chrono::minutes(5);
    request.not_after = now + std::chrono::days(30);
    auto key = *pki::PrivateKey::generate({});
    std::optional<pki::Issuer> by;
    if (issuer != nullptr) by.emplace(pki::Issuer{issuer->certificate, issuer->key});
    auto certificate = *pki::issue(request, *key.public_key(), by ? &*by : nullptr, by ? nullptr : &key, random);
    return {std::move(certificate), std::move(key)};
}

class Service {
public:
    Service() {
        std::string pattern = (std::filesystem::temp_directory_path() / "muster-bench-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
        store_ = *store::Store::open(*store::SqliteDriver::open(directory_ / "muster.db"));
        groups_ = std::make_unique<provisioning::Groups>(*store_);
        registrations_ = std::make_unique<provisioning::Registrations>(
            *store_, *groups_, clock_, random_, metrics_,
            provisioning::ServiceIdentity{"0ne1", "hub", Secret(Bytes(32, 1))});
        root_ = make(random_, clock_.now(), {.profile = pki::Profile::root_ca, .common_name = "root"}, nullptr);
        intermediate_ = make(random_, clock_.now(),
                             {.profile = pki::Profile::intermediate_ca, .common_name = "intermediate"}, &*root_);
        for (int i = 0; i < devices; ++i)
            leaves_.push_back(make(random_, clock_.now(),
                                   {.profile = pki::Profile::client, .common_name = fmt::format("dev-{}", i)},
                                   &*intermediate_)
                                  .certificate);
        enroll();
    }
    ~Service() {
        store_.reset();
        std::filesystem::remove_all(directory_);
    }

    Task<bool> provision(int device) {
        // Parsed anew, as from the wire.
        const auto leaf = *pki::Certificate::from_der(leaves_[static_cast<std::size_t>(device)].der());
        provisioning::DeviceRequest request{.scope = "0ne1",
                                            .registration_id = fmt::format("dev-{}", device),
                                            .chain = {leaf, intermediate_->certificate},
                                            .tracking_id = "t",
                                            .peer = "bench"};
        auto accepted = co_await registrations_->register_device(request, {});
        if (!accepted) co_return false;
        auto operation = std::string(accepted->at("operationId").as_string());
        auto final = co_await registrations_->operation_status(std::move(request), std::move(operation));
        co_return final && final->at("status") == "assigned";
    }

private:
    void enroll() {
        provisioning::Enrollments enrollments(*store_, *groups_, clock_, random_, provisioning::ServiceFacts{"hub"});
        json::object body{
            {"enrollmentGroupId", "g"},
            {"capabilities", {{"iotEdge", true}}},
            {"initialTwin", {{"tags", {{"site", "a"}}}}},
            {"attestation",
             {{"type", "x509"},
              {"x509", {{"signingCertificates", {{"primary", {{"certificate", root_->certificate.pem()}}}}}}}}}};
        auto done = net::run_blocking(enrollments.put(provisioning::EnrollmentKind::group, "g", std::move(body), {}));
        if (!done) fmt::print(stderr, "{}\n", done.error().chain());
    }

    SystemClock clock_;
    metrics::Metrics metrics_;
    SystemRandom random_;
    std::filesystem::path directory_;
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<provisioning::Groups> groups_;
    std::unique_ptr<provisioning::Registrations> registrations_;
    std::optional<Made> root_;
    std::optional<Made> intermediate_;
    std::vector<pki::Certificate> leaves_;
};

void registration(benchmark::State& state) {
    pki::use_direct_ec_keys();
    log::set_level(log::Level::error);
    static Service service;
    int device = 0;
    int failed = 0;
    for (auto _ : state) {
        failed += net::run_blocking(service.provision(device)) ? 0 : 1;
        device = (device + 1) % devices;
    }
    state.counters["failed"] = failed;
}
BENCHMARK(registration)->MeasureProcessCPUTime()->Iterations(devices)->Name("first registration");
BENCHMARK(registration)->MeasureProcessCPUTime()->Iterations(devices)->Name("registration again");

}  // namespace

BENCHMARK_MAIN();
