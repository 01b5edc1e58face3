// An EST server on a port of this process, over real TLS, as well- or ill-behaved as the test wants.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "device.h"
#include "net/http_server.h"

namespace muster::edge::testing {

class FakeEst {
public:
    explicit FakeEst(const std::string& authority = "fake EST CA");
    ~FakeEst();

    std::string url() const { return fmt::format("https://localhost:{}/.well-known/est", port_); }
    std::string ca_pem() const { return ca_.certificate.pem(); }
    const Identity& ca() const { return ca_; }

    // Who may enrol: by name, or by a certificate with one of these common names ("*": any of our own). What nobody is
    // allowed is answered 401.
    void allow_password(std::string name, std::string password);
    void allow_certificate(std::string common_name);
    void set_reenroll(bool served) {
        change([&] { reenroll_ = served; });
    }
    void set_delay(std::chrono::milliseconds delay) { delay_ = delay.count(); }  // before each answer
    // Of what is issued from now on.
    void set_life(std::chrono::seconds life) {
        change([&] { life_ = life; });
    }
    // Whatever name is asked for; empty: that one.
    void set_given_name(std::string name) {
        change([&] { given_name_ = std::move(name); });
    }
    void set_age(std::chrono::seconds age) {
        change([&] { age_ = age; });
    }
    void set_authority(bool authority) {
        change([&] { authority_ = authority; });
    }
    void set_csr_attributes(std::string base64) {
        change([&] { csr_attributes_ = std::move(base64); });
    }

    // The next answers to an operation ("simpleenroll"); when used up, the usual ones.
    void script(const std::string& operation, std::vector<net::HttpResponse> answers);

    struct Seen {
        std::string operation;
        std::string leaf;  // the client certificate's CN
        std::string name;  // of Basic
        std::string body;
    };
    std::vector<Seen> seen() const;
    std::vector<std::string> operations() const;  // of seen, "simpleenroll by LEAF or NAME"
    void forget() {
        change([&] { seen_.clear(); });
    }

    net::HttpResponse issue(const net::HttpRequest& request) const;
    static net::HttpResponse certificates(const pki::CertificateChain& chain);

private:
    template <class Change>
    void change(Change change) {
        const std::lock_guard lock(mutex_);
        change();
    }
    Task<net::HttpResponse> handle(const net::HttpRequest& request, const net::Peer& peer);
    net::HttpResponse answer(const net::HttpRequest& request, const net::Peer& peer, const Seen& seen);
    bool allowed(const net::HttpRequest& request, const net::Peer& peer) const;

    Identity ca_;
    net::Reactors reactors_{1};
    std::unique_ptr<net::HttpServer> server_;
    std::uint16_t port_ = 0;
    std::atomic<long> delay_{0};
    mutable std::mutex mutex_;
    std::map<std::string, std::string> passwords_;
    std::set<std::string> names_;
    bool reenroll_ = true;
    bool authority_ = false;
    std::string given_name_;
    std::chrono::seconds life_{86400};
    std::chrono::seconds age_{0};
    std::string csr_attributes_;
    std::map<std::string, std::deque<net::HttpResponse>> scripts_;
    std::vector<Seen> seen_;
};

}  // namespace muster::edge::testing
