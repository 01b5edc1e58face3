// A PostgreSQL server of a test program's own: in a temporary directory, on a socket there and no port, started once
// and gone with the program. Fast rather than durable.
#pragma once

#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/owner.h"
#include "store/postgres_driver.h"

namespace muster::test {

class PostgresServer {
public:
    // The program's one; null when PostgreSQL is not installed (Debian: postgresql) or does not start.
    static PostgresServer* get() {
        static const std::unique_ptr<PostgresServer> server = make();
        return server.get();
    }
    static constexpr const char* absent = "PostgreSQL is not installed, or did not start: apt install postgresql";

    ~PostgresServer() {
        stop();
        std::filesystem::remove_all(directory_);
    }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    // A new database, empty, and how to connect to it.
    std::string make_database(const std::string& options = "") {
        const auto name = "t" + std::to_string(++databases_);
        run("CREATE DATABASE " + name + " " + options, "postgres");
        return connection(name);
    }
    std::string connection(const std::string& database) const {
        return "host=" + directory_.string() + " user=postgres dbname=" + database;
    }
    // Settings with deadlines that fit a test.
    store::PostgresSettings settings(const std::string& connection, unsigned connections = 4) const {
        return {.connection = connection,
                .connections = connections,
                .connect_deadline = std::chrono::seconds(5),
                .statement_deadline = std::chrono::seconds(10),
                .queue_deadline = std::chrono::seconds(10)};
    }

    // Statements by a connection beside the driver's; the first column of the first row, empty when there is none.
    std::string run(const std::string& sql, const std::string& database) const {
        const std::unique_ptr<PGconn, Freer<PQfinish>> connection(PQconnectdb(this->connection(database).c_str()));
        const std::unique_ptr<PGresult, Freer<PQclear>> result(PQexec(connection.get(), sql.c_str()));
        return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
    }

    bool start() {
        static_cast<void>(std::fflush(nullptr));
        process_ = ::fork();
        if (process_ == 0) serve();
        for (int i = 0; i < 400; ++i) {
            if (PQping(connection("postgres").c_str()) == PQPING_OK) return true;
            if (::waitpid(process_, nullptr, WNOHANG) != 0) break;
            std::this_thread::sleep_for(std::chrono::milliseconds(25));
        }
        return false;
    }
    // SIGINT: connections are closed with a word; SIGQUIT: as in a crash.
    void stop(int signal = SIGQUIT) {
        if (process_ <= 0) return;
        ::kill(process_, signal);
        ::waitpid(process_, nullptr, 0);
        process_ = 0;
    }

private:
    explicit PostgresServer(std::filesystem::path programs) : programs_(std::move(programs)) {
        std::string pattern = (std::filesystem::temp_directory_path() / "muster-postgres-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
        // The server refuses to be root.
        if (::geteuid() == 0) {
            user_ = ::getpwnam("postgres");
            if (user_ == nullptr) user_ = ::getpwnam("nobody");
            if (user_ != nullptr && ::chown(directory_.c_str(), user_->pw_uid, user_->pw_gid) != 0) user_ = nullptr;
        }
    }

    static std::unique_ptr<PostgresServer> make() {
        for (const auto* version : {"17", "16", "15", "14", "13"}) {
            auto programs = std::filesystem::path("/usr/lib/postgresql") / version / "bin";
            if (!std::filesystem::exists(programs / "initdb")) continue;
            std::unique_ptr<PostgresServer> server(new PostgresServer(std::move(programs)));
            if (server->initialize() && server->start()) return server;
        }
        return nullptr;
    }

    bool initialize() const {
        static_cast<void>(std::fflush(nullptr));
        const auto child = ::fork();
        if (child == 0)
            become({"initdb", "-D", (directory_ / "data").string(), "-U", "postgres", "-A", "trust", "-E", "UTF8",
                    "--locale", "C.UTF-8", "--no-sync", "--no-instructions"});
        int status = 0;
        ::waitpid(child, &status, 0);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    [[noreturn]] void serve() const {
        become({"postgres", "-D", (directory_ / "data").string(), "-k", directory_.string(), "-c",
                "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200", "-c",
                "shared_buffers=64MB"});
    }

    [[noreturn]] void become(const std::vector<std::string>& arguments) const {
        if (user_ != nullptr && (::setgid(user_->pw_gid) != 0 || ::setuid(user_->pw_uid) != 0)) ::_exit(1);
        // Gone with the test, however it ends.
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
        if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(1);
        if (std::freopen((directory_ / "log").c_str(), "a", stderr) == nullptr) ::_exit(1);
        std::vector<char*> pointers;
        for (const auto& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
        pointers.push_back(nullptr);
        ::execv((programs_ / arguments.front()).c_str(), pointers.data());
        ::_exit(127);
    }

    std::filesystem::path programs_;
    std::filesystem::path directory_;
    passwd* user_ = nullptr;
    pid_t process_ = 0;
    unsigned databases_ = 0;
};

}  // namespace muster::test
