#include "store/postgres_connect.h"

#include <arpa/inet.h>

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "store/host_lookup.h"
#include "store/postgres_error.h"

namespace muster::store {
namespace {

// ON CONFLICT, LISTEN and serializable transactions are older; this is the oldest that still gets corrections.
constexpr int oldest_server = 130'000;
// Of one host: each is given all the time of a connection.
constexpr std::size_t most_addresses = 4;

struct Parameter {
    std::string name;
    std::string value;
};

using Options = std::unique_ptr<PQconninfoOption, Freer<PQconninfoFree>>;

// libpq quotes what it cannot read.
bool may_hold_a_password(std::string_view connection) {
    return connection.find("password") != std::string_view::npos ||
           (connection.find("://") != std::string_view::npos && connection.find('@') != std::string_view::npos);
}

Result<std::vector<Parameter>> parse(const std::string& connection) {
    char* problem = nullptr;
    const Options options(PQconninfoParse(connection.c_str(), &problem));
    const std::unique_ptr<char, Freer<PQfreemem>> owned(problem);
    if (!options)
        return fail(Error(Errc::invalid_argument,
                          fmt::format("the connection string of PostgreSQL cannot be read: {}",
                                      may_hold_a_password(connection)
                                          ? "why is not said, as a password may be in it; one with spaces needs quotes"
                                          : on_one_line(problem)))
                        .with_hint("host=db.example dbname=muster user=muster sslmode=verify-full"));
    std::vector<Parameter> given;
    for (const auto* option = options.get(); option->keyword != nullptr; ++option)
        if (option->val != nullptr) given.push_back({option->keyword, option->val});
    return given;
}

const std::string* find(const std::vector<Parameter>& parameters, std::string_view name) {
    const auto found = std::ranges::find(parameters, name, &Parameter::name);
    return found == parameters.end() ? nullptr : &found->value;
}

void set(std::vector<Parameter>& parameters, const std::string& name, const std::string& value) {
    std::erase_if(parameters, [&](const Parameter& parameter) { return parameter.name == name; });
    parameters.push_back({name, value});
}

void set_default(std::vector<Parameter>& parameters, const std::string& name, const std::string& value) {
    if (find(parameters, name) == nullptr) parameters.push_back({name, value});
}

// One set of parameters for each of "host=a,b": libpq itself would give the first one all the time there is.
std::vector<std::vector<Parameter>> one_for_each_host(const std::vector<Parameter>& given) {
    std::size_t hosts = 1;
    for (const auto* name : {"host", "hostaddr"})
        if (const auto* value = find(given, name)) hosts = std::max(hosts, split(*value, ',').size());
    std::vector<std::vector<Parameter>> all(hosts, given);
    for (std::size_t i = 0; i < hosts; ++i) {
        for (const auto* name : {"host", "hostaddr", "port"}) {
            const auto* value = find(given, name);
            if (value == nullptr) continue;
            const auto parts = split(*value, ',');
            // One port is that of all hosts.
            set(all[i], name, std::string(parts[std::min(i, parts.size() - 1)]));
        }
    }
    return all;
}

// Libpq does not look it up: a directory of sockets, an address, and nothing, which is its own default.
bool is_no_name(const std::string& host) {
    in_addr ignored{};
    return host.empty() || host.starts_with('/') || host.starts_with('@') || host.find(':') != std::string::npos ||
           ::inet_pton(AF_INET, host.c_str(), &ignored) == 1;
}

// One set of parameters for each address of the host: libpq itself would look the name up for as long as the system
// likes, and give the first address all the time there is. The certificate is judged by the name all the same
// (PostgreSQL 15 documentation, 34.1.2, hostaddr).
Result<std::vector<std::vector<Parameter>>> one_for_each_address(const std::vector<Parameter>& given,
                                                                 std::chrono::milliseconds time,
                                                                 const StopSignal& interrupted) {
    const auto* host = find(given, "host");
    const auto* address = find(given, "hostaddr");
    if (host == nullptr || is_no_name(*host) || (address != nullptr && !address->empty()))
        return std::vector<std::vector<Parameter>>{given};
    MUSTER_TRY(auto addresses, HostLookup::system().find(*host, time, interrupted));
    addresses.resize(std::min(addresses.size(), most_addresses));
    std::vector<std::vector<Parameter>> all(addresses.size(), given);
    for (std::size_t i = 0; i < addresses.size(); ++i) set(all[i], "hostaddr", addresses[i]);
    return all;
}

void add_ours(std::vector<Parameter>& parameters) {
    set_default(parameters, "application_name", "musterd");
    set_default(parameters, "target_session_attrs", "read-write");
    // A peer that is gone without a word is found out within half a minute.
    set_default(parameters, "keepalives_idle", "10");
    set_default(parameters, "keepalives_interval", "5");
    set_default(parameters, "keepalives_count", "3");
    set_default(parameters, "tcp_user_timeout", "20000");
    set(parameters, "client_encoding", "UTF8");
}

Result<PostgresHandle> start(const std::vector<Parameter>& parameters, const Secret& password) {
    std::vector<const char*> names;
    std::vector<const char*> values;
    for (const auto& parameter : parameters) {
        names.push_back(parameter.name.c_str());
        values.push_back(parameter.value.c_str());
    }
    std::string text(password.text());
    if (!text.empty()) {
        names.push_back("password");
        values.push_back(text.c_str());
    }
    names.push_back(nullptr);
    values.push_back(nullptr);
    PostgresHandle handle(PQconnectStartParams(names.data(), values.data(), 0));
    wipe(text.data(), text.size());
    if (!handle) return fail(Errc::unavailable, "no memory for a connection to the database");
    if (PQstatus(handle.get()) == CONNECTION_BAD) return fail(postgres_refusal(handle.get()));
    return handle;
}

Result<> finish(PGconn* connection, std::chrono::milliseconds time, const StopSignal& interrupted) {
    const auto until = std::chrono::steady_clock::now() + time;
    auto wanted = PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (wanted == PGRES_POLLING_FAILED) return fail(postgres_refusal(connection));
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
        const short events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        std::array<pollfd, 2> waits{pollfd{.fd = PQsocket(connection), .events = events, .revents = 0},
                                    pollfd{.fd = interrupted.fd(), .events = POLLIN, .revents = 0}};
        ::poll(waits.data(), waits.size(), static_cast<int>(std::max<std::int64_t>(0, left)));
        if (waits[1].revents != 0) return fail(Errc::unavailable, "musterd is closing");
        if (left <= 0)
            return fail(
                Error(Errc::unavailable, fmt::format("cannot connect to the database {}: no answer within {} ms",
                                                     database_name(connection), time.count()))
                    .with_hint("check that its machine runs and that no firewall is in between"));
        wanted = PQconnectPoll(connection);
    }
    return {};
}

Result<> check_server(PGconn* connection) {
    const auto version = PQserverVersion(connection);
    if (version < oldest_server)
        return fail(Errc::unsupported, "the database {} is of PostgreSQL {}.{}; musterd needs 13 or later",
                    database_name(connection), version / 10'000, version % 10'000);
    const auto* encoding = PQparameterStatus(connection, "server_encoding");
    if (encoding == nullptr || std::string_view(encoding) != "UTF8")
        return fail(Error(Errc::unsupported,
                          fmt::format("the database {} has the encoding {}, not UTF8", database_name(connection),
                                      encoding != nullptr ? encoding : "(unknown)"))
                        .with_hint("createdb --encoding UTF8 --template template0"));
    return {};
}

Result<PostgresHandle> connect_to(const std::vector<Parameter>& parameters, const PostgresSettings& settings,
                                  const StopSignal& interrupted) {
    Secret password;
    if (settings.password) {
        MUSTER_TRY(password, settings.password());
    }
    MUSTER_TRY(auto handle, start(parameters, password));
    // Else libpq writes them to standard error.
    PQsetNoticeProcessor(
        handle.get(),
        [](void*, const char* message) { log::debug("the database says", {{"notice", on_one_line(message)}}); },
        nullptr);
    MUSTER_CHECK(finish(handle.get(), settings.connect_deadline, interrupted));
    MUSTER_CHECK(check_server(handle.get()));
    if (PQsetnonblocking(handle.get(), 1) != 0) return fail(postgres_refusal(handle.get()));
    return handle;
}

}  // namespace

Result<> check(const PostgresSettings& settings) {
    if (settings.connections < 1 || settings.connections > PostgresSettings::most_connections)
        return fail(Errc::invalid_argument, "connections is {}, not a number from 1 to {}", settings.connections,
                    PostgresSettings::most_connections);
    MUSTER_CHECK(parse(settings.connection));
    return {};
}

Result<PostgresHandle> connect_postgres(const PostgresSettings& settings, const StopSignal& interrupted) {
    MUSTER_TRY(auto given, parse(settings.connection));
    add_ours(given);
    Result<PostgresHandle> connected = fail(Errc::internal, "no host to connect to");
    for (const auto& of_host : one_for_each_host(given)) {
        const auto all = one_for_each_address(of_host, settings.connect_deadline, interrupted);
        if (!all) connected = fail(all.error());
        if (!all) continue;
        for (const auto& parameters : *all) {
            connected = connect_to(parameters, settings, interrupted);
            if (connected || interrupted.raised()) return connected;
        }
    }
    return connected;
}

}  // namespace muster::store
