#include "fake_cloud.h"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace muster::edge::testing {

net::HttpResponse json_answer(int status, const json::value& body, const std::string& retry_after) {
    net::HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", "application/json; charset=utf-8");
    if (!retry_after.empty()) response.headers.add("Retry-After", retry_after);
    response.body = json::serialize(body);
    return response;
}

FakeCloud::FakeCloud() : ca_(make_identity("fake cloud CA", {}, nullptr, true)) {
    const auto server = make_identity("localhost", {}, &ca_, false);
    auto tls = net::ServerTls::create(server.certificate.pem(), server.key.to_pem()->text());
    server_ = std::make_unique<net::HttpServer>(
        reactors_, [this](const net::HttpRequest& request, const net::Peer& peer) { return handle(request, peer); });
    reactors_.start();
    port_ = server_->listen_tls("127.0.0.1:0", tls.value()).value();
}

FakeCloud::~FakeCloud() {
    server_->drain(std::chrono::milliseconds(100));
    reactors_.stop();
}

void FakeCloud::script_register(std::vector<net::HttpResponse> answers) {
    const std::lock_guard lock(mutex_);
    register_script_.assign(answers.begin(), answers.end());
}

void FakeCloud::script_poll(std::vector<net::HttpResponse> answers) {
    const std::lock_guard lock(mutex_);
    poll_script_.assign(answers.begin(), answers.end());
}

void FakeCloud::set_device_id(std::string id) {
    const std::lock_guard lock(mutex_);
    device_id_ = std::move(id);
}

void FakeCloud::set_assigned_hub(std::string address) {
    const std::lock_guard lock(mutex_);
    assigned_hub_ = std::move(address);
}

void FakeCloud::go_away() {
    server_->drain(std::chrono::milliseconds(100));
}

std::vector<FakeCloud::Seen> FakeCloud::seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
}

std::map<std::string, json::object> FakeCloud::modules() const {
    const std::lock_guard lock(mutex_);
    return modules_;
}

Task<net::HttpResponse> FakeCloud::handle(const net::HttpRequest& request, const net::Peer& peer) {
    if (const auto delay = delay_.load(); delay > 0) {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::milliseconds(delay));
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
    const std::lock_guard lock(mutex_);
    seen_.push_back({request.method, request.target, peer.chain.empty() ? "" : peer.chain.front().common_name(),
                     peer.chain.size(), request.body, std::string(request.headers.get("authorization"))});
    const auto path = net::path_segments(request.path()).value();
    co_return path.size() > 1 && path[1] == "registrations" ? dps(request, path) : hub(request, path);
}

net::HttpResponse FakeCloud::dps(const net::HttpRequest& request, const std::vector<std::string>& path) {
    const bool is_register = request.method == "PUT";
    if (is_register) ++registrations_;
    auto& script = is_register ? register_script_ : poll_script_;
    if (!script.empty()) {
        auto answer = std::move(script.front());
        script.pop_front();
        return answer;
    }
    const bool at_once = at_once_ && !request.headers.get("prefer").empty();
    if (is_register && !at_once)
        return json_answer(202, json::object{{"operationId", "5.0000000000000000.op"}, {"status", "assigning"}}, "1");
    json::object state{{"registrationId", path[2]},
                       {"assignedHub", assigned_hub_.empty() ? address() : assigned_hub_},
                       {"deviceId", device_id_},
                       {"status", "assigned"}};
    return json_answer(
        200, json::object{{"operationId", "op"}, {"status", "assigned"}, {"registrationState", std::move(state)}});
}

net::HttpResponse FakeCloud::hub(const net::HttpRequest& request, const std::vector<std::string>& path) {
    if (const int status = hub_status_; status != 0)
        return json_answer(status, json::object{{"Message", "ErrorCode:Scripted"}});
    if (path.size() == 3) {
        json::array all;
        for (const auto& [name, module] : modules_) all.push_back(module);
        return json_answer(200, all);
    }
    const auto& name = path.at(3);
    const auto found = modules_.find(name);
    if (request.method == "DELETE") {
        modules_.erase(name);
        net::HttpResponse gone;
        gone.status = 204;
        return gone;
    }
    const bool update = request.headers.find("If-Match") != nullptr;
    if (request.method == "GET" || update) {
        if (found == modules_.end()) return json_answer(404, json::object{{"Message", "ErrorCode:ModuleNotFound"}});
        if (update) found->second["authentication"] = parse_json_object(request.body)->at("authentication");
        return json_answer(200, found->second);
    }
    if (found != modules_.end())
        return json_answer(409, json::object{{"Message", "ErrorCode:ModuleAlreadyExistsOnDevice"}});
    json::object module{{"moduleId", name},
                        {"deviceId", path[1]},
                        {"generationId", fmt::format("gen{}", ++generations_)},
                        {"authentication", json::object{{"type", "none"}}}};
    modules_[name] = module;
    return json_answer(200, module);
}

}  // namespace muster::edge::testing
