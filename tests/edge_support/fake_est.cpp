#include "fake_est.h"

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "pki/csr.h"
#include "pki/issue.h"
#include "pki/pkcs7.h"
#include "pki/subject.h"

namespace muster::edge::testing {
namespace {

net::HttpResponse plain(int status, std::string text = {}) {
    net::HttpResponse response;
    response.status = status;
    response.headers.add("Content-Type", "text/plain");
    response.body = std::move(text);
    return response;
}

std::string basic_name(const net::HttpRequest& request, std::string* password = nullptr) {
    const auto header = request.headers.get("authorization");
    if (!header.starts_with("Basic ")) return {};
    const auto bytes = base64_decode(header.substr(6)).value_or(Bytes{});
    const auto text = as_text(bytes);
    const auto colon = text.find(':');
    if (password != nullptr) *password = text.substr(colon + 1);
    return std::string(text.substr(0, colon));
}

}  // namespace

FakeEst::FakeEst(const std::string& authority) : ca_(make_identity(authority, {}, nullptr, true)) {
    const auto server = make_identity("localhost", {}, &ca_, false);
    auto tls = net::ServerTls::create(server.certificate.pem(), server.key.to_pem()->text());
    server_ = std::make_unique<net::HttpServer>(
        reactors_, [this](const net::HttpRequest& request, const net::Peer& peer) { return handle(request, peer); });
    reactors_.start();
    port_ = server_->listen_tls("127.0.0.1:0", tls.value()).value();
}

FakeEst::~FakeEst() {
    server_->drain(std::chrono::milliseconds(100));
    reactors_.stop();
}

void FakeEst::allow_password(std::string name, std::string password) {
    change([&] { passwords_[std::move(name)] = std::move(password); });
}

void FakeEst::allow_certificate(std::string common_name) {
    change([&] { names_.insert(std::move(common_name)); });
}

void FakeEst::script(const std::string& operation, std::vector<net::HttpResponse> answers) {
    change([&] { scripts_[operation].assign(answers.begin(), answers.end()); });
}

std::vector<FakeEst::Seen> FakeEst::seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
}

std::vector<std::string> FakeEst::operations() const {
    std::vector<std::string> all;
    for (const auto& one : seen())
        if (one.operation.find("enroll") != std::string::npos)
            all.push_back(fmt::format("{} by {}", one.operation, one.leaf.empty() ? one.name : one.leaf));
    return all;
}

net::HttpResponse FakeEst::certificates(const pki::CertificateChain& chain) {
    net::HttpResponse response;
    response.headers.add("Content-Type", "application/pkcs7-mime; smime-type=certs-only");
    response.headers.add("Content-Transfer-Encoding", "base64");
    response.body = base64_encode(pki::make_pkcs7(chain).value());
    // Lines, as MIME has them.
    for (std::size_t at = 64; at < response.body.size(); at += 66) response.body.insert(at, "\r\n");
    return response;
}

bool FakeEst::allowed(const net::HttpRequest& request, const net::Peer& peer) const {
    std::string password;
    const auto name = basic_name(request, &password);
    const auto known = passwords_.find(name);
    if (!name.empty() && known != passwords_.end() && known->second == password) return true;
    if (peer.chain.empty()) return false;
    const auto& leaf = peer.chain.front();
    const bool ours = leaf.issuer_der() == ca_.certificate.subject_der();
    return names_.contains(leaf.common_name()) || (ours && names_.contains("*"));
}

net::HttpResponse FakeEst::issue(const net::HttpRequest& request) const {
    const auto der = base64_decode(request.body, true);
    const auto csr = der ? pki::Csr::from_der(*der) : fail(Errc::invalid_argument, "not base64");
    if (!csr || !csr->signature_ok()) return plain(400, "not a request");
    static SystemRandom random;
    pki::IssueRequest wanted;
    wanted.profile = authority_ ? pki::Profile::intermediate_ca : pki::Profile::client;
    if (authority_) wanted.path_length = 0;
    for (const auto& [type, value] : pki::subject_of(*csr)) {
        if (type == "CN")
            wanted.common_name = value;
        else
            wanted.subject_rest.emplace_back(type, value);
    }
    if (!given_name_.empty()) wanted.common_name = given_name_;
    wanted.not_before = SystemClock().now() - age_;
    wanted.not_after = wanted.not_before + life_;
    const pki::Issuer issuer{ca_.certificate, ca_.key};
    const auto certificate = pki::issue(wanted, csr->public_key().value(), &issuer, nullptr, random);
    if (!certificate) return plain(400, certificate.error().chain());
    return certificates({*certificate});
}

net::HttpResponse FakeEst::answer(const net::HttpRequest& request, const net::Peer& peer, const Seen& seen) {
    auto& script = scripts_[seen.operation];
    if (!script.empty()) {
        auto answer = std::move(script.front());
        script.pop_front();
        return answer;
    }
    if (seen.operation == "cacerts") return certificates({ca_.certificate});
    if (seen.operation == "csrattrs") {
        if (csr_attributes_.empty()) return plain(204);
        auto response = plain(200, csr_attributes_);
        response.headers.set("Content-Type", "application/csrattrs");
        return response;
    }
    if (seen.operation == "simplereenroll" && !reenroll_) return plain(404, "no such operation");
    if (seen.operation != "simpleenroll" && seen.operation != "simplereenroll") return plain(404);
    if (!allowed(request, peer)) return plain(401, "who are you?");
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.headers.get("content-type"), "application/pkcs10");
    EXPECT_EQ(request.headers.get("content-transfer-encoding"), "base64");
    return issue(request);
}

Task<net::HttpResponse> FakeEst::handle(const net::HttpRequest& request, const net::Peer& peer) {
    const auto path = std::string(request.path());
    const Seen seen{path.substr(path.rfind('/') + 1), peer.chain.empty() ? "" : peer.chain.front().common_name(),
                    basic_name(request), request.body};
    change([&] { seen_.push_back(seen); });
    if (const auto delay = delay_.load(); delay > 0) {
        boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, std::chrono::milliseconds(delay));
        co_await timer.async_wait(boost::asio::use_awaitable);
    }
    const std::lock_guard lock(mutex_);
    co_return answer(request, peer, seen);
}

}  // namespace muster::edge::testing
