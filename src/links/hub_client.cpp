#include "links/hub_client.h"

#include "base/random.h"
#include "base/text.h"
#include "links/hub_answers.h"
#include "wire/sas.h"

namespace muster::links {
namespace {

using provisioning::RemoteDevice;
using provisioning::TwinCopy;

constexpr std::string_view api_version = "2021-04-12";
constexpr std::chrono::seconds token_life{600};
constexpr std::chrono::seconds connect_limit{10};
constexpr std::chrono::seconds answer_limit{30};
// No request is begun later than this after the first of a call. With the last one, sent a second time on a new
// connection, a call takes 100 s at most: DeliveryLimits::longest_call.
constexpr std::chrono::seconds call_limit{30};
constexpr std::size_t largest_answer = 1024 * 1024;
constexpr std::string_view any_etag = "*";

std::string device_path(std::string_view noun, std::string_view device_id) {
    return fmt::format("/{}/{}", noun, percent_encode(device_id));
}

// What the connection itself came to: never the hub's word on a device.
Error connection_error(const Error& error) {
    switch (error.code()) {
        case Errc::timeout: return error;
        // Its certificate is not trusted: the operator mends that, and devices go on waiting.
        case Errc::unauthorized: return error.wrap(Errc::unavailable, "the hub cannot be trusted");
        case Errc::unavailable: return error;
        default: return error.wrap(Errc::io, "the hub's answer cannot be used");
    }
}

std::unexpected<Error> refused(const net::HttpResponse& answer) {
    return fail(error_of_answer(answer.status, answer.body));
}

bool good(const net::HttpResponse& answer) {
    return answer.status / 100 == 2;
}

}  // namespace

Result<std::unique_ptr<RegistryClient>> RegistryClient::create(const provisioning::LinkedHub& hub, const Clock& clock) {
    net::ClientTls tls;
    if (!hub.access->certificates.empty()) tls.extra_ca_pem.push_back(hub.access->certificates);
    net::ClientOptions options;
    options.connect = connect_limit;
    options.request = answer_limit;
    options.body_bytes = largest_answer;
    const auto& address = hub.access->address;
    // The name is what the hub's certificate and our signature are for, wherever it is reached.
    const bool by_name = equals_ignore_case(address.substr(0, address.rfind(':')), hub.name);
    if (!by_name) options.connect_to = address;
    const auto url = fmt::format("https://{}", by_name ? address : hub.name);
    MUSTER_TRY(auto http,
               net::HttpClient::create(url, std::make_shared<const net::ClientTls>(std::move(tls)), options));
    return std::unique_ptr<RegistryClient>(new RegistryClient(hub.name, hub.access, std::move(http), clock));
}

Task<Result<net::HttpResponse>> RegistryClient::call(std::string method, std::string path, std::string body,
                                                     std::string if_match) {
    if (std::chrono::steady_clock::now() - began_ > call_limit)
        co_return fail(Errc::timeout, "the hub '{}' is too slow: what it is asked takes more than {} s", name_,
                       call_limit.count());
    net::HttpRequest request{std::move(method), fmt::format("{}?api-version={}", path, api_version), {}, {}};
    request.headers.add("Authorization",
                        wire::make_sas(name_, access_->key.bytes(), access_->policy, clock_.now() + token_life));
    request.headers.add("Accept", "application/json");
    if (!body.empty()) request.headers.add("Content-Type", "application/json; charset=utf-8");
    if (!if_match.empty()) request.headers.add("If-Match", fmt::format("\"{}\"", if_match));
    request.body = std::move(body);
    auto answer = co_await http_->send(std::move(request));
    if (!answer) co_return fail(connection_error(answer.error()));
    co_return answer;
}

Task<Result<>> RegistryClient::put_device(const RemoteDevice& device) {
    begin();
    co_return co_await put(device);
}

Task<Result<>> RegistryClient::put(const RemoteDevice& device) {
    if (device.known) {
        MUSTER_CO_TRY(auto held, co_await find(device.device_id));
        if (held) co_return co_await refresh(device, std::move(*held));
    }
    MUSTER_CO_TRY(const auto answer, co_await call("POST", "/devices", json::serialize(create_request(device))));
    auto created = read_create_answer(answer.status, answer.body);
    if (!created && created.error().code() == Errc::already_exists) {
        // Of an attempt before whose answer was lost, of a registration long ago, or made by hand.
        MUSTER_CO_TRY(auto held, co_await find(device.device_id));
        if (!held) co_return fail(Errc::io, "the device was deleted from the hub at the same time");
        co_return co_await refresh(device, std::move(*held));
    }
    // Ours takes reported properties along. A hub that takes none from a service still takes the device.
    const bool without = !created && created.error().code() == Errc::invalid_argument && !device.twin.reported.empty();
    if (!without) co_return created;
    auto lighter = device;
    lighter.twin.reported.clear();
    co_return co_await put(lighter);
}

Task<Result<std::optional<json::object>>> RegistryClient::find(const std::string& device_id) {
    MUSTER_CO_TRY(const auto answer, co_await call("GET", device_path("devices", device_id)));
    if (answer.status == 404) co_return std::nullopt;
    if (!good(answer)) co_return refused(answer);
    MUSTER_CO_TRY(auto held, read_device(answer.body));
    co_return std::optional(std::move(held));
}

Task<Result<>> RegistryClient::refresh(const RemoteDevice& device, json::object held) {
    const bool edge = is_edge(held);
    if (edge && !device.edge)
        co_return fail(
            Error(Errc::conflict,
                  fmt::format("the hub knows '{}' as an IoT Edge device, its enrollment does not", device.device_id))
                .with_hint("set capabilities.iotEdge in the enrollment, or delete the device from the hub"));
    const bool to_keep_out = device.twin.disabled && string_or(held, "status") != "disabled";
    if (edge != device.edge || to_keep_out || !has_credential(held, device.credential))
        MUSTER_CO_CHECK(co_await update_identity(device, std::move(held)));
    if (!device.replace_twin) co_return Result<>();
    MUSTER_CO_TRY(const auto written, co_await call("PUT", device_path("twins", device.device_id),
                                                    json::serialize(twin_request(device.twin)), std::string(any_etag)));
    if (!good(written)) co_return refused(written);
    co_return Result<>();
}

Task<Result<>> RegistryClient::update_identity(const RemoteDevice& device, json::object held) {
    const auto etag = string_or(held, "etag", any_etag);
    held["authentication"] = authentication(device.credential);
    held["capabilities"] = {{"iotEdge", device.edge}};
    if (device.twin.disabled) {
        held["status"] = "disabled";
        held["statusReason"] = device.twin.status_reason;
    }
    MUSTER_CO_TRY(const auto written,
                  co_await call("PUT", device_path("devices", device.device_id), json::serialize(held), etag));
    if (!good(written)) co_return refused(written);
    co_return Result<>();
}

Task<Result<std::optional<TwinCopy>>> RegistryClient::read_twin(const std::string& device_id) {
    begin();
    MUSTER_CO_TRY(const auto answer, co_await call("GET", device_path("twins", device_id)));
    if (answer.status == 404) co_return std::nullopt;
    if (!good(answer)) co_return refused(answer);
    MUSTER_CO_TRY(auto twin, links::read_twin(answer.body));
    co_return std::optional(std::move(twin));
}

Task<Result<bool>> RegistryClient::remove_device(const std::string& device_id,
                                                 const std::optional<hub::DeviceCredential>& only_with) {
    begin();
    std::string etag(any_etag);
    if (only_with) {
        MUSTER_CO_TRY(const auto held, co_await find(device_id));
        if (!held || !has_credential(*held, *only_with)) co_return false;
        etag = string_or(*held, "etag", any_etag);
    }
    MUSTER_CO_TRY(const auto answer, co_await call("DELETE", device_path("devices", device_id), {}, etag));
    if (answer.status == 404) co_return false;
    if (!good(answer)) co_return refused(answer);
    co_return true;
}

// A hub wants a credential for every device: it gets one that nobody knows.
Task<Result<bool>> RegistryClient::lock_out(const std::string& device_id, const hub::DeviceCredential& revoked) {
    begin();
    MUSTER_CO_TRY(auto held, co_await find(device_id));
    if (!held || !has_credential(*held, revoked)) co_return false;
    SystemRandom random;
    constexpr std::size_t key_bytes = 32;
    const hub::DeviceCredential unknown{.thumbprint = {},
                                        .primary_key = base64_encode(random.bytes(key_bytes)),
                                        .secondary_key = base64_encode(random.bytes(key_bytes))};
    const auto etag = string_or(*held, "etag", any_etag);
    (*held)["authentication"] = authentication(unknown);
    MUSTER_CO_TRY(const auto written,
                  co_await call("PUT", device_path("devices", device_id), json::serialize(*held), etag));
    if (written.status == 404) co_return false;
    if (!good(written)) co_return refused(written);
    co_return true;
}

Task<Result<std::chrono::microseconds>> RegistryClient::probe() {
    begin();
    MUSTER_CO_TRY(const auto answer, co_await call("GET", "/statistics/devices"));
    if (!good(answer)) co_return refused(answer);
    co_return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_);
}

}  // namespace muster::links
