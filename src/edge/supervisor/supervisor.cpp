#include "edge/supervisor/supervisor.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/file.h"
#include "base/random.h"
#include "base/text.h"
#include "edge/config/apply.h"
#include "edge/supervisor/child.h"

namespace muster::edge::supervisor {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto first_pause = 1s;
constexpr auto longest_pause = 60s;
// One that ran this long begins with the first pause again.
constexpr auto steady_after = 60s;
constexpr auto time_to_end = 10s;

bool starts_on_demand(Service service) {
    return std::ranges::find(steady_services, service) == steady_services.end();
}

std::vector<std::string> unit_names() {
    std::vector<std::string> names{"aziot-supervisor"};
    for (const auto service : all_services) names.emplace_back(unit_name(service));
    return names;
}

// Between half of it and all of it: services of many devices do not come back in step.
std::chrono::milliseconds with_jitter(std::chrono::milliseconds pause) {
    SystemRandom random;
    const auto half = pause.count() / 2;
    return std::chrono::milliseconds(half +
                                     static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(half) + 1)));
}

}  // namespace

std::string_view to_string(State state) {
    switch (state) {
        case State::inactive: return "inactive";
        case State::unconfigured: return "unconfigured";
        case State::ready: return "ready";
        case State::running: return "running";
        case State::failed: return "failed";
    }
    return {};
}

struct Supervisor::Managed {
    Managed(Service which, asio::io_context& loop) : service(which), name(unit_name(which)), wake(loop), down(loop) {}
    Service service;
    std::string name;
    std::optional<ListeningSocket> socket;
    State state = State::inactive;
    bool wanted = false;
    bool called = false;  // somebody has connected; counts for those that start on demand
    pid_t pid = 0;
    unsigned restarts = 0;
    std::string reason;
    std::chrono::milliseconds pause = first_pause;
    Notice wake;  // ends a pause or a wait for something to do
    Notice down;  // its process has ended
};

Supervisor::Supervisor(const Paths& paths, asio::io_context& loop, std::string program)
    : paths_(paths),
      loop_(loop),
      program_(std::move(program)),
      logs_(paths.under("/var/log/aziot"), unit_names()),
      new_line_(loop) {}

Supervisor::~Supervisor() = default;

Result<std::unique_ptr<Supervisor>> Supervisor::create(const Paths& paths, asio::io_context& loop) {
    std::error_code error;
    auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return fail(Errc::io, "cannot find this program: {}", error.message());
    std::unique_ptr<Supervisor> out(new Supervisor(paths, loop, program.string()));
    MUSTER_CHECK(out->prepare());
    return out;
}

std::filesystem::path Supervisor::level_file() const {
    return paths_.under("/var/lib/aziot/log-level");
}

Result<> Supervisor::prepare() {
    MUSTER_CHECK(make_directories(paths_.under("/run/aziot"), 0755));
    MUSTER_CHECK(make_directories(paths_.under("/var/lib/aziot"), 0755));
    if (const auto level = read_file(level_file(), 64)) log_level_ = trim(*level);
    for (const auto service : all_services) {
        services_.push_back(std::make_unique<Managed>(service, loop_));
        MUSTER_CHECK(prepare(*services_.back()));
    }
    return {};
}

Result<> Supervisor::prepare(Managed& managed) {
    MUSTER_TRY(const auto user, service_user(paths_, user_name(managed.service)));
    const FileOwner owner{user.uid, user.gid};
    const auto state = paths_.state_directory(managed.service);
    MUSTER_CHECK(make_directories(state, 0700));
    if (!paths_.rooted()) {
        if (::chown(state.c_str(), owner.uid, owner.gid) != 0)
            return fail(errno_error(fmt::format("cannot set the owner of {}", state.string()), errno));
    }
    MUSTER_TRY(auto socket, ListeningSocket::create(paths_.socket(managed.service), owner));
    managed.socket.emplace(std::move(socket));
    return {};
}

bool Supervisor::configured(const Managed& managed) const {
    std::error_code unreadable;  // counts as not there
    return std::filesystem::exists(paths_.generated_config(short_name(managed.service)), unreadable) ||
           std::filesystem::exists(paths_.config_file(managed.service), unreadable);
}

void Supervisor::start() {
    for (auto& managed : services_) {
        managed->wanted = true;
        asio::co_spawn(loop_, keep(*managed), asio::detached);
    }
}

Task<> Supervisor::keep(Managed& managed) {
    for (;;) {
        if (!managed.wanted || !configured(managed)) {
            managed.state = managed.wanted ? State::unconfigured : State::inactive;
            co_await managed.wake.wait();
            continue;
        }
        if (starts_on_demand(managed.service) && !managed.called) {
            managed.state = State::ready;
            co_await wait_for_caller(managed);
            continue;
        }
        const auto began = std::chrono::steady_clock::now();
        co_await run_once(managed);
        managed.down.give();
        if (!managed.wanted) continue;
        managed.state = State::failed;
        if (std::chrono::steady_clock::now() - began >= steady_after) managed.pause = first_pause;
        const auto pause = with_jitter(managed.pause);
        take_line(managed, fmt::format("{} ended: {}; it starts again in {:.1f} s", managed.name, managed.reason,
                                       static_cast<double>(pause.count()) / 1000));
        managed.pause = std::min<std::chrono::milliseconds>(managed.pause * 2, longest_pause);
        co_await managed.wake.wait(pause);
        ++managed.restarts;
    }
}

// Until a connection waits on its socket, or there is something else to do. The socket itself is left alone: the
// service takes the connection.
Task<> Supervisor::wait_for_caller(Managed& managed) {
    const auto socket = std::make_shared<asio::posix::stream_descriptor>(loop_, ::dup(managed.socket->fd()));
    const auto watch = [](Managed& of, std::shared_ptr<asio::posix::stream_descriptor> on) -> Task<> {
        boost::system::error_code error;
        co_await on->async_wait(asio::posix::stream_descriptor::wait_read,
                                asio::redirect_error(asio::use_awaitable, error));
        if (error) co_return;
        of.called = true;
        of.wake.give();
    };
    asio::co_spawn(loop_, watch(managed, socket), asio::detached);
    co_await managed.wake.wait();
    socket->cancel();
}

// Anew for each start: an administrator may have put the user into a group meanwhile.
Result<std::optional<Identity>> Supervisor::runs_as(const Managed& managed) const {
    if (paths_.rooted()) return std::nullopt;
    MUSTER_TRY(const auto user, service_user(paths_, user_name(managed.service)));
    MUSTER_TRY(auto identity, identity_of(paths_, user));
    return std::optional(std::move(identity));
}

Task<> Supervisor::run_once(Managed& managed) {
    const auto run_as = runs_as(managed);
    if (!run_as) {
        managed.reason = run_as.error().chain();
        co_return;
    }
    auto child = start_child({managed.service, program_, *run_as, managed.socket->fd(), log_level_});
    if (!child) {
        managed.reason = child.error().chain();
        co_return;
    }
    managed.pid = child->pid;
    managed.state = State::running;
    asio::posix::stream_descriptor ended(loop_, child->pid_fd);
    co_await pump_output(managed, child->output);
    boost::system::error_code ignored;
    co_await ended.async_wait(asio::posix::stream_descriptor::wait_read,
                              asio::redirect_error(asio::use_awaitable, ignored));
    const auto ending = reap(child->pid);
    managed.pid = 0;
    if (managed.wanted) managed.reason = ending.text;
}

// Until the other end is closed, which a process does at its latest when it ends.
Task<> Supervisor::pump_output(Managed& managed, int output) {
    asio::posix::stream_descriptor pipe(loop_, output);
    std::string pending;
    char buffer[4096];
    for (;;) {
        boost::system::error_code error;
        const auto got =
            co_await pipe.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
        if (error) break;
        pending.append(buffer, got);
        std::size_t from = 0;
        for (auto end = pending.find('\n'); end != std::string::npos; end = pending.find('\n', from)) {
            take_line(managed, std::string_view(pending).substr(from, end - from));
            from = end + 1;
        }
        pending.erase(0, from);
        if (pending.size() < LogBook::bytes_per_line) continue;
        take_line(managed, pending);
        pending.clear();
    }
    if (!pending.empty()) take_line(managed, pending);
}

void Supervisor::take_line(Managed& managed, std::string_view line) {
    line = without_priority(line);
    if (line.empty()) return;
    logs_.add(managed.name, line, SystemClock().now());
    // A reader of our output that has gone must not end the service it is about: the line is in the log book.
    const auto text = fmt::format("{}: {}\n", managed.name, printable(line, LogBook::bytes_per_line));
    (void)std::fwrite(text.data(), 1, text.size(), stderr);
    new_line_.give();
}

Task<> Supervisor::wait_for_line(std::uint64_t after, std::chrono::milliseconds patience) {
    if (logs_.newest() <= after) co_await new_line_.wait(patience);
}

std::vector<Status> Supervisor::status() const {
    std::vector<Status> out;
    for (const auto& managed : services_)
        out.push_back({managed->name, managed->state, managed->pid, managed->restarts, managed->reason,
                       logs_.last(managed->name, 10)});
    return out;
}

Task<> Supervisor::bring_down(Managed& managed) {
    if (managed.pid == 0) co_return;
    ::kill(managed.pid, SIGTERM);
    co_await managed.down.wait(time_to_end);
    if (managed.pid == 0) co_return;
    take_line(managed,
              fmt::format("{} did not end within {} s of SIGTERM and is killed", managed.name, time_to_end.count()));
    ::kill(managed.pid, SIGKILL);
    while (managed.pid != 0) co_await managed.down.wait();
}

Task<> Supervisor::bring_down_all() {
    for (auto& managed : services_) {
        managed->wanted = false;
        managed->called = false;
        managed->wake.give();
    }
    // Those that ask first, those that answer last.
    for (auto at = services_.rbegin(); at != services_.rend(); ++at) co_await bring_down(**at);
}

Task<> Supervisor::shut_down() {
    closing_ = true;
    return bring_down_all();
}

Task<Result<>> Supervisor::obey(Command command) {
    if (busy_) co_return fail(Errc::conflict, "another command is stopping or starting the services");
    busy_ = true;
    co_await bring_down_all();
    busy_ = false;
    if (command == Command::stop) co_return Result<>();
    if (closing_) co_return fail(Errc::conflict, "the supervisor is ending");
    bring_up_all();
    co_return Result<>();
}

void Supervisor::bring_up_all() {
    if (const auto recovered = recover_interrupted_apply(paths_); !recovered)
        take_line(*services_.front(), recovered.error().chain());
    for (auto& managed : services_) {
        managed->wanted = true;
        managed->pause = first_pause;
        managed->reason.clear();
        managed->wake.give();
    }
}

void Supervisor::reload() {
    for (auto& managed : services_)
        if (managed->state == State::unconfigured || managed->state == State::failed) managed->wake.give();
}

Result<> Supervisor::set_log_level(std::string level) {
    MUSTER_CHECK(write_file_atomic(level_file(), level + "\n", 0644));
    log_level_ = std::move(level);
    return {};
}

}  // namespace muster::edge::supervisor
