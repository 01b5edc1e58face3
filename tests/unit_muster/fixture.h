// Whole commands against a service that answers from a script: real TLS, real HTTP, no musterd.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file.h"
#include "muster/application.h"
#include "muster/io.h"
#include "net/http.h"
#include "net/http_server.h"
#include "net/reactor.h"

namespace muster::cli {

// A directory of its own, removed at the end.
class TemporaryDirectory {
public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();
    const std::filesystem::path& path() const { return path_; }
    std::string write(const std::string& name, std::string_view content) const;

private:
    std::filesystem::path path_;
};

struct Ran {
    int code = -1;
    std::string out;
    std::string err;
};

// One run of the command line in this process; `environment` is all there is of it.
Ran run_command(std::vector<std::string> arguments, const std::map<std::string, std::string>& environment = {},
                std::optional<std::size_t> columns = std::nullopt);

// Certificates for the tests, made once.
struct TestCertificates {
    std::string ca_pem;
    std::string server_chain_pem;
    std::string server_key_pem;
    std::string device_pem;  // CN=dev-1, signed by the CA
    std::string device_key_pem;
    static const TestCertificates& get();
};

class ScriptedService {
public:
    using Handler = std::function<net::HttpResponse(const net::HttpRequest&)>;
    explicit ScriptedService(Handler handler);
    ~ScriptedService();

    // Its data directory, as musterd keeps it.
    std::string data_dir() const { return directory_.path().string(); }
    std::uint16_t port() const { return port_; }
    std::vector<net::HttpRequest> requests() const;
    // With --data-dir at the end.
    Ran run(std::vector<std::string> arguments, std::optional<std::size_t> columns = std::nullopt) const;

private:
    TemporaryDirectory directory_;
    mutable std::mutex mutex_;
    std::vector<net::HttpRequest> requests_;
    net::Reactors reactors_{1};
    std::unique_ptr<net::HttpServer> server_;
    std::uint16_t port_ = 0;
};

net::HttpResponse json_answer(int status, std::string body);

// The time of every test: 2026-11-24 07:00:00 UTC.
TimePoint test_now();

}  // namespace muster::cli
