// DPS and a hub on one port of this process, over real TLS, as well- or ill-behaved as the test wants.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "device.h"
#include "net/http_server.h"

namespace muster::edge::testing {

class FakeCloud {
public:
    FakeCloud();
    ~FakeCloud();

    std::string address() const { return fmt::format("localhost:{}", port_); }  // of both
    std::string ca_pem() const { return ca_.certificate.pem(); }

    // The next answers to register and to operation polls; when used up, the usual ones: 202, then assigned.
    void script_register(std::vector<net::HttpResponse> answers);
    void script_poll(std::vector<net::HttpResponse> answers);
    void set_device_id(std::string id);
    void set_assigned_hub(std::string address);                                  // by default itself
    void set_delay(std::chrono::milliseconds delay) { delay_ = delay.count(); }  // before each answer
    void set_hub_status(int status) { hub_status_ = status; }                    // 0: as usual

    // Answers a registration with its outcome where that is asked for, as musterd does; Azure's service does not.
    void set_at_once(bool at_once) { at_once_ = at_once; }
    // Stops listening and ends its connections, for good.
    void go_away();

    struct Seen {
        std::string method;
        std::string target;
        std::string leaf;  // the client certificate's CN
        std::size_t chain = 0;
        std::string body;
        std::string authorization;
    };
    std::vector<Seen> seen() const;
    int registrations() const { return registrations_; }
    std::map<std::string, json::object> modules() const;

private:
    Task<net::HttpResponse> handle(const net::HttpRequest& request, const net::Peer& peer);
    net::HttpResponse dps(const net::HttpRequest& request, const std::vector<std::string>& path);
    net::HttpResponse hub(const net::HttpRequest& request, const std::vector<std::string>& path);

    Identity ca_;
    net::Reactors reactors_{1};
    std::unique_ptr<net::HttpServer> server_;
    std::uint16_t port_ = 0;
    std::atomic<long> delay_{0};
    std::atomic<int> hub_status_{0};
    std::atomic<bool> at_once_{false};
    std::atomic<int> registrations_{0};
    mutable std::mutex mutex_;
    std::deque<net::HttpResponse> register_script_;
    std::deque<net::HttpResponse> poll_script_;
    std::string device_id_ = "dev-1";
    std::string assigned_hub_;
    std::vector<Seen> seen_;
    std::map<std::string, json::object> modules_;
    int generations_ = 0;
};

net::HttpResponse json_answer(int status, const json::value& body, const std::string& retry_after = "");

}  // namespace muster::edge::testing
